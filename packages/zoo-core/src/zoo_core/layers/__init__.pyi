from ._channels import make_divisible as make_divisible
from ._checks import require_positive as require_positive
from ._conv_norm_activation import ConvNormActivation as ConvNormActivation
from ._image_size import require_image_size as require_image_size
from ._initialization import initialise_from_normal as initialise_from_normal
from ._initialization import trunc_normal_ as trunc_normal_
from ._squeeze_excitation import SqueezeExcitation as SqueezeExcitation
from ._stochastic_depth import StochasticDepth as StochasticDepth
