from ._draw import draw_bounding_boxes as draw_bounding_boxes
from ._draw import draw_keypoints as draw_keypoints
from ._draw import draw_segmentation_masks as draw_segmentation_masks
from ._grid import make_grid as make_grid
from ._grid import save_image as save_image
