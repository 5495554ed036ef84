from ._compared import Compared as Compared
from ._compared import compare_models as compare_models
from ._compared import read_compared as read_compared
from ._comparison import Comparison as Comparison
from ._cost import Cost as Cost
from ._cost import measure_cost as measure_cost
from ._front import pareto_front as pareto_front
