"""Packs what PyInstaller cannot see, since zoo imports by name: all zoo packages that are installed, and their data.

`--exclude-module zoo_video` leaves one out.
"""

from importlib.util import find_spec

from PyInstaller.utils.hooks import collect_data_files, collect_entry_point, collect_submodules

from zoo_core._built_in import BUILT_IN
from zoo_core._packages import ENTRY_POINT_GROUP
from zoo_core.cli._plug_ins import GROUP

datas, hiddenimports = collect_entry_point(ENTRY_POINT_GROUP)
datas_of_commands, modules_of_commands = collect_entry_point(GROUP)
plug_ins = {name.partition(".")[0] for name in (*hiddenimports, *modules_of_commands)}
datas += datas_of_commands
hiddenimports += modules_of_commands
for package in sorted({name.partition(".")[0] for name in ("zoo_core", "zoo_torchvision", *BUILT_IN)} | plug_ins):
    if find_spec(package) is not None:
        datas += collect_data_files(package)
        hiddenimports += collect_submodules(package)
