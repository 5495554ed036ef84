"""For PyInstaller, which finds this folder by the entry point `pyinstaller40`: a hook that packs zoo whole."""

from pathlib import Path


def hook_dirs() -> list[str]:
    """Return the folder of the hook."""
    return [str(Path(__file__).parent)]
