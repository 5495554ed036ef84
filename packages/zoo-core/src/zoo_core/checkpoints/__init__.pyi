from ._pickles import LONGEST_PICKLE as LONGEST_PICKLE
from ._quantized import QuantizedTensor as QuantizedTensor
from ._quiet import quiet_quantization as quiet_quantization
from ._read import read_state_dict as read_state_dict
from ._safetensors import LONGEST_HEADER as LONGEST_HEADER
from ._safetensors import TWIN_METADATA as TWIN_METADATA
from ._write import write_safetensors as write_safetensors
