from ._colours import Colour as Colour
from ._colours import colour_of as colour_of
from ._colours import with_labels as with_labels
from ._objects import DrawnObject as DrawnObject
from ._objects import skeleton_of as skeleton_of
from ._objects import with_objects as with_objects
from ._text import with_caption as with_caption
from ._text import with_legend as with_legend
