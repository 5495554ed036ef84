import pytest

from zoo_export import export

from .makers import DIGITS, TinyNetwork


@pytest.fixture(scope="session")
def tiny_file(tmp_path_factory):
    """The tiny network as a program of torch.export, with its certificate beside it."""
    path = tmp_path_factory.mktemp("exported") / "tiny.pt2"
    export(DIGITS, "pt2", path, network=TinyNetwork())
    return path


@pytest.fixture(scope="session")
def digits_file(tmp_path_factory):
    """The embedded model, as a program of torch.export."""
    path = tmp_path_factory.mktemp("exported") / "digits.pt2"
    export(DIGITS, "pt2", path, certificate=False)
    return path
