from ._create import create_bundle as create_bundle
from ._read import Bundle as Bundle
from ._read import read_bundle as read_bundle
from ._unpack import LoadedFile as LoadedFile
from ._unpack import load_bundle as load_bundle
