"""Which files of a folder are images."""

from collections.abc import Iterator

import pytest
from PIL import Image

from zoo_core.images import IMAGE_SUFFIXES, image_suffixes


@pytest.fixture
def _heif_opener() -> Iterator[None]:
    """As `pillow_heif.register_heif_opener` does it."""

    class HeifImageFile:
        pass

    assert not HeifImageFile.__module__.startswith("PIL")
    Image.register_open("HEIF", HeifImageFile, None)  # type: ignore[arg-type]
    Image.register_extensions("HEIF", [".heic", ".HEIF"])
    yield
    for table, keys in ((Image.OPEN, ["HEIF"]), (Image.EXTENSION, [".heic", ".heif"])):
        for key in keys:
            del table[key]
    Image.ID.remove("HEIF")


def test_without_plug_ins_they_are_the_usual_ones() -> None:
    Image.init()
    assert image_suffixes() == IMAGE_SUFFIXES


@pytest.mark.usefixtures("_heif_opener")
def test_those_of_a_registered_opener_count() -> None:
    assert image_suffixes() == IMAGE_SUFFIXES | {".heic", ".heif"}


def test_pillow_reads_what_the_usual_suffixes_stand_for() -> None:
    readable = {suffix for suffix, format_ in Image.registered_extensions().items() if format_ in Image.OPEN}
    readable.add(".mpo")  # by the opener of JPEG
    assert readable >= IMAGE_SUFFIXES


@pytest.mark.parametrize("suffix", [".mpg", ".pdf", ".eps", ".h5", ".txt"])
def test_videos_documents_and_data_are_left_out_though_pillow_has_a_name_for_them(suffix: str) -> None:
    assert suffix not in image_suffixes()
