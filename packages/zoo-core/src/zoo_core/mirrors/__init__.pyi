from ._contents import Added as Added
from ._export import FolderExport as FolderExport
from ._push import HubPush as HubPush
from ._twins import write_twin as write_twin
from ._verify import Finding as Finding
from ._verify import verify_mirror as verify_mirror
