from ._errors import ImageError as ImageError
from ._limits import most_pixels as most_pixels
from ._opened import decode_in_place as decode_in_place
from ._read import ImageSource as ImageSource
from ._read import read_image as read_image
from ._rgb import to_rgb as to_rgb
from ._suffixes import IMAGE_SUFFIXES as IMAGE_SUFFIXES
from ._suffixes import image_suffixes as image_suffixes
