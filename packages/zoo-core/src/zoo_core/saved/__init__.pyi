from ._config import USAGE as USAGE
from ._config import Config as Config
from ._model import SavedModel as SavedModel
from ._model import find_saved as find_saved
from ._push import push_model as push_model
from ._save import save_model as save_model
from ._weights import SavedWeights as SavedWeights
