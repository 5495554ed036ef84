from ._anchors import AnchorGenerator as AnchorGenerator
from ._anchors import DefaultBoxGenerator as DefaultBoxGenerator
from ._image_list import ImageList as ImageList
from ._targets import LabelError as LabelError
from ._targets import TargetError as TargetError
