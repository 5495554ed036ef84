from ._anchors import AnchorGenerator as AnchorGenerator
from ._anchors import DefaultBoxGenerator as DefaultBoxGenerator
from ._backbones import BackboneWithFPN as BackboneWithFPN
from ._backbones import mobilenet_backbone as mobilenet_backbone
from ._backbones import resnet_fpn_backbone as resnet_fpn_backbone
from ._box_heads import FastRCNNConvFCHead as FastRCNNConvFCHead
from ._box_heads import FastRCNNPredictor as FastRCNNPredictor
from ._box_heads import TwoMLPHead as TwoMLPHead
from ._faster_rcnn import FasterRCNN as FasterRCNN
from ._faster_rcnn import fasterrcnn_mobilenet_v3_large_320_fpn as fasterrcnn_mobilenet_v3_large_320_fpn
from ._faster_rcnn import fasterrcnn_mobilenet_v3_large_fpn as fasterrcnn_mobilenet_v3_large_fpn
from ._faster_rcnn import fasterrcnn_resnet50_fpn as fasterrcnn_resnet50_fpn
from ._faster_rcnn import fasterrcnn_resnet50_fpn_v2 as fasterrcnn_resnet50_fpn_v2
from ._generalized_rcnn import GeneralizedRCNN as GeneralizedRCNN
from ._image_list import ImageList as ImageList
from ._keypoint_rcnn import KeypointRCNN as KeypointRCNN
from ._keypoint_rcnn import KeypointRCNNHeads as KeypointRCNNHeads
from ._keypoint_rcnn import KeypointRCNNPredictor as KeypointRCNNPredictor
from ._keypoint_rcnn import keypointrcnn_resnet50_fpn as keypointrcnn_resnet50_fpn
from ._mask_rcnn import MaskRCNN as MaskRCNN
from ._mask_rcnn import MaskRCNNHeads as MaskRCNNHeads
from ._mask_rcnn import MaskRCNNPredictor as MaskRCNNPredictor
from ._mask_rcnn import maskrcnn_resnet50_fpn as maskrcnn_resnet50_fpn
from ._mask_rcnn import maskrcnn_resnet50_fpn_v2 as maskrcnn_resnet50_fpn_v2
from ._roi_heads import RoIHeads as RoIHeads
from ._rpn import RegionProposalNetwork as RegionProposalNetwork
from ._rpn import RPNHead as RPNHead
from ._targets import LabelError as LabelError
from ._targets import TargetError as TargetError
from ._transform import GeneralizedRCNNTransform as GeneralizedRCNNTransform
from .catalogue.faster_rcnn import (
    FasterRCNN_MobileNet_V3_Large_320_FPN_Weights as FasterRCNN_MobileNet_V3_Large_320_FPN_Weights,
)
from .catalogue.faster_rcnn import (
    FasterRCNN_MobileNet_V3_Large_FPN_Weights as FasterRCNN_MobileNet_V3_Large_FPN_Weights,
)
from .catalogue.faster_rcnn import FasterRCNN_ResNet50_FPN_V2_Weights as FasterRCNN_ResNet50_FPN_V2_Weights
from .catalogue.faster_rcnn import FasterRCNN_ResNet50_FPN_Weights as FasterRCNN_ResNet50_FPN_Weights
from .catalogue.keypoint_rcnn import KeypointRCNN_ResNet50_FPN_Weights as KeypointRCNN_ResNet50_FPN_Weights
from .catalogue.mask_rcnn import MaskRCNN_ResNet50_FPN_V2_Weights as MaskRCNN_ResNet50_FPN_V2_Weights
from .catalogue.mask_rcnn import MaskRCNN_ResNet50_FPN_Weights as MaskRCNN_ResNet50_FPN_Weights
