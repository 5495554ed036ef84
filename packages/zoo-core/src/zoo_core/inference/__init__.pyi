from ._checking import OptimizationError as OptimizationError
from ._examples import example_of as example_of
from ._optimize import OptimizedModel as OptimizedModel
from ._optimize import optimize as optimize
