"""Which way is up."""

from PIL import Image
from PIL.ExifTags import Base

_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes the orientation of EXIF and TIFF; 1 is upright."""


def upright(image: Image.Image) -> Image.Image:
    """Turn an image that has been loaded as its metadata says, which no other tag in there can hinder.

    `PIL.ImageOps.exif_transpose` writes all tags anew afterwards, and fails where one of them cannot be written.
    """
    transposition = _TRANSPOSITIONS.get(_orientation(image))
    return image if transposition is None else image.transpose(transposition)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(Base.Orientation, 1))
    except Exception:  # noqa: BLE001 # damaged metadata, in any way, says nothing
        return 1
