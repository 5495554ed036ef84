from ._format import FORMATS as FORMATS
from ._format import Format as Format
from ._format import Runtime as Runtime
from ._format import format_of as format_of
from ._format import get_format as get_format
