from ._caption import with_caption as with_caption
from ._colours import Colour as Colour
from ._colours import colour_of as colour_of
from ._labels import with_labels as with_labels
from ._legend import with_legend as with_legend
