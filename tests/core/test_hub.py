"""torch.hub from the checkout, where nothing of zoo is installed."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

CHECK = Path(__file__).parents[1] / "hub_check.py"
OURS = ("zoo", "_zoo", "__editable__")


@pytest.fixture
def libraries(tmp_path: Path) -> Path:
    """A folder of all that is installed here but zoo."""
    folder = tmp_path / "libraries"
    folder.mkdir()
    for path in Path(torch.__file__).parents[1].iterdir():
        if not path.name.startswith(OURS) and path.suffix != ".pth":
            (folder / path.name).symlink_to(path)
    return folder


def test_every_use_of_torch_hub_works_from_a_bare_checkout(libraries: Path, tmp_path: Path) -> None:
    environment = {"PYTHONPATH": str(libraries), "HOME": str(tmp_path), "OMP_NUM_THREADS": "1", "ZOO_MIRRORS": ""}
    command = [sys.executable, "-S", str(CHECK)]  # no folder of site-packages
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "with nothing of zoo installed" in done.stdout
