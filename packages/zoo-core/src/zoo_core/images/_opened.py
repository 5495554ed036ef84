"""Images that Pillow has opened already, decoded or not."""

from PIL import Image

from ._errors import ImageError
from ._limits import most_pixels, too_large
from ._pillow import lenient_pillow


def decode_in_place(image: Image.Image, name: str = "the image") -> None:
    """Decode what `PIL.Image.open` has opened, so that it does not depend on its file any more.

    Args:
        image: Any; one that is decoded stays as it is.
        name: What messages call it.

    Raises:
        ImageError: It is damaged, its file has been closed, or it has more pixels than `most_pixels` allows.
    """
    limit = most_pixels()
    pixels = image.width * image.height
    if limit is not None and pixels > limit:
        raise ImageError(too_large(name, f"it has {image.width} x {image.height} = {pixels} pixels", limit))
    with lenient_pillow(limit):
        try:
            image.load()
        except Exception as error:  # what decoders raise: anything
            raise ImageError(f"{name} cannot be decoded: {error}.") from error
