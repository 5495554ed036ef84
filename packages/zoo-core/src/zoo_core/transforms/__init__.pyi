from ._functional import InterpolationMode as InterpolationMode
from ._functional import center_crop as center_crop
from ._functional import normalize as normalize
from ._functional import pil_to_tensor as pil_to_tensor
from ._functional import resize as resize
from ._functional import to_float as to_float
from ._presets import ImageClassification as ImageClassification
from ._presets import ObjectDetection as ObjectDetection
