from ._describe import describe as describe
from ._protocol import Protocol as Protocol
from ._protocol import get_protocol as get_protocol
from ._protocol import list_protocols as list_protocols
from ._protocol import protocol_for as protocol_for
from ._protocol import protocol_of as protocol_of
