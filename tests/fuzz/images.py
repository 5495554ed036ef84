"""Damaged image files: `read_image` and the presets give a tensor or an ImageError, whatever they hold."""

import io
import os
import warnings
from unittest import mock

import torch
from PIL import Image

from zoo_core.images import ImageError, read_image
from zoo_core.transforms import ImageClassification, ObjectDetection, SemanticSegmentation

from .mutations import Report, endless, fuzz

KINDS = {
    "PNG": ("RGB", "RGBA", "P", "L", "I;16", "1", "LA"),
    "JPEG": ("RGB", "L", "CMYK"),
    "GIF": ("P", "L"),
    "BMP": ("RGB", "P", "1"),
    "TIFF": ("RGB", "I;16", "F", "CMYK", "1"),
    "WEBP": ("RGB", "RGBA"),
    "PPM": ("RGB", "L", "1"),
    "TGA": ("RGB", "P"),
    "ICO": ("RGBA",),
    "JPEG2000": ("RGB", "L"),
    "PCX": ("RGB", "P"),
    "DDS": ("RGBA",),
    "SGI": ("RGB",),
    "ICNS": ("RGBA",),
    "MPO": ("RGB",),
    "QOI": ("RGB",),
    "AVIF": ("RGB",),
}


def seeds() -> list[bytes]:
    """Return small files of every kind that Pillow writes here, with metadata where they take it."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "maker"
    gradient = Image.linear_gradient("L").resize((24, 17))
    found = []
    for kind, modes in KINDS.items():
        for mode in modes:
            for options in ({}, {"exif": exif}):
                file = io.BytesIO()
                try:
                    gradient.convert("RGB").convert(mode).save(file, kind, **options)
                except (OSError, KeyError, ValueError, TypeError):  # Pillow here does not write it
                    continue
                found.append(file.getvalue())
    return found


def run(seconds: float, seed: int) -> Report:
    """Read damaged images for a time.

    Images may have 10⁷ pixels, so that those that state more do not take all the time.
    """
    presets = (
        ImageClassification(crop_size=24, resize_size=28),
        SemanticSegmentation(resize_size=20),
        ObjectDetection(),
    )

    def read(data: bytes) -> None:
        image = read_image(data)
        assert image.mode == "RGB"
        for preset in presets:
            try:
                assert preset(image).dtype == torch.float32
            except ValueError as error:
                assert "pixels would become one of" in str(error)  # noqa: PT017 # segmentation refuses lines

    with mock.patch.dict(os.environ, {"ZOO_MAX_PIXELS": str(10**7)}), warnings.catch_warnings():
        warnings.simplefilter("error")
        return fuzz(read, endless(seeds(), seed), seconds=seconds, refusals=ImageError)
