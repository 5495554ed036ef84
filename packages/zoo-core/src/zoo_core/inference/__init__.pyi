from ._checking import OptimizationError as OptimizationError
from ._examples import example_of as example_of
from ._optimize import optimize as optimize
from ._optimized_model import OptimizedModel as OptimizedModel
