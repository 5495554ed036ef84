from ._checking import OptimizationError as OptimizationError
from ._examples import example_of as example_of
from ._examples import image_example as image_example
from ._examples import noise as noise
from ._optimize import optimize as optimize
from ._optimized_model import OptimizedModel as OptimizedModel
