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
from ._fcos import FCOS as FCOS
from ._fcos import FCOSClassificationHead as FCOSClassificationHead
from ._fcos import FCOSHead as FCOSHead
from ._fcos import FCOSRegressionHead as FCOSRegressionHead
from ._fcos import fcos_resnet50_fpn as fcos_resnet50_fpn
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
from ._retinanet import RetinaNet as RetinaNet
from ._retinanet import RetinaNetClassificationHead as RetinaNetClassificationHead
from ._retinanet import RetinaNetHead as RetinaNetHead
from ._retinanet import RetinaNetRegressionHead as RetinaNetRegressionHead
from ._retinanet import retinanet_resnet50_fpn as retinanet_resnet50_fpn
from ._retinanet import retinanet_resnet50_fpn_v2 as retinanet_resnet50_fpn_v2
from ._roi_heads import RoIHeads as RoIHeads
from ._rpn import RegionProposalNetwork as RegionProposalNetwork
from ._rpn import RPNHead as RPNHead
from ._ssd import SSD as SSD
from ._ssd import SSDClassificationHead as SSDClassificationHead
from ._ssd import SSDHead as SSDHead
from ._ssd import SSDRegressionHead as SSDRegressionHead
from ._ssd import ssd300_vgg16 as ssd300_vgg16
from ._ssdlite import SSDLiteClassificationHead as SSDLiteClassificationHead
from ._ssdlite import SSDLiteHead as SSDLiteHead
from ._ssdlite import SSDLiteRegressionHead as SSDLiteRegressionHead
from ._ssdlite import ssdlite320_mobilenet_v3_large as ssdlite320_mobilenet_v3_large
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
from .catalogue.fcos import FCOS_ResNet50_FPN_Weights as FCOS_ResNet50_FPN_Weights
from .catalogue.keypoint_rcnn import KeypointRCNN_ResNet50_FPN_Weights as KeypointRCNN_ResNet50_FPN_Weights
from .catalogue.mask_rcnn import MaskRCNN_ResNet50_FPN_V2_Weights as MaskRCNN_ResNet50_FPN_V2_Weights
from .catalogue.mask_rcnn import MaskRCNN_ResNet50_FPN_Weights as MaskRCNN_ResNet50_FPN_Weights
from .catalogue.retinanet import RetinaNet_ResNet50_FPN_V2_Weights as RetinaNet_ResNet50_FPN_V2_Weights
from .catalogue.retinanet import RetinaNet_ResNet50_FPN_Weights as RetinaNet_ResNet50_FPN_Weights
from .catalogue.ssd import SSD300_VGG16_Weights as SSD300_VGG16_Weights
from .catalogue.ssdlite import SSDLite320_MobileNet_V3_Large_Weights as SSDLite320_MobileNet_V3_Large_Weights
