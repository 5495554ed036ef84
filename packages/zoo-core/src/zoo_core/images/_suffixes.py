"""By which names a folder's images are told from its other files."""

import sys

IMAGE_SUFFIXES = frozenset(
    {
        ".apng", ".avif", ".bmp", ".dib", ".gif", ".ico", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpf", ".jpg",
        ".jpx", ".mpo", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".psd", ".qoi", ".tga", ".tif", ".tiff", ".webp",
    }
)  # fmt: skip
"""The file name suffixes, in lower case, of what programs save pictures as and Pillow reads by itself.

Pillow registers more: names of videos (`.mpg`), documents (`.pdf`, `.eps`), data (`.h5`, `.fits`) and of formats that
only metadata can be read of. A folder's files of those names are hardly meant; given one by one, any file is tried.
"""


def image_suffixes() -> frozenset[str]:
    """Return `IMAGE_SUFFIXES` and the suffixes of formats that a plug-in of Pillow's has been registered for by now.

    Example:
        >>> from zoo_core.images import image_suffixes
        >>> ".jpg" in image_suffixes()
        True
        >>> import pillow_heif  # doctest: +SKIP
        >>> pillow_heif.register_heif_opener()  # doctest: +SKIP
        >>> ".heic" in image_suffixes()  # doctest: +SKIP
        True
    """
    pillow = sys.modules.get("PIL.Image")  # without it nothing can have been registered
    if pillow is None:
        return IMAGE_SUFFIXES
    openers = {format_: factory for format_, (factory, _) in list(pillow.OPEN.items())}
    return IMAGE_SUFFIXES | {
        suffix.lower()
        for suffix, format_ in list(pillow.EXTENSION.items())
        if format_ in openers and not openers[format_].__module__.startswith("PIL.")
    }
