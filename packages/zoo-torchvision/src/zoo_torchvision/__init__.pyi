from ._install import install as install
from ._install import is_installed as is_installed
from ._install import uninstall as uninstall
