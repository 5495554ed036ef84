from ._anchors import AnchorGenerator as AnchorGenerator
from ._anchors import DefaultBoxGenerator as DefaultBoxGenerator
from ._backbones import BackboneWithFPN as BackboneWithFPN
from ._backbones import mobilenet_backbone as mobilenet_backbone
from ._backbones import resnet_fpn_backbone as resnet_fpn_backbone
from ._image_list import ImageList as ImageList
from ._targets import LabelError as LabelError
from ._targets import TargetError as TargetError
