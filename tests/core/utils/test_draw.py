"""Drawing on tensors."""

import pytest
import torch

from zoo_core.utils import draw_bounding_boxes, draw_keypoints, draw_segmentation_masks

BLACK = torch.zeros(3, 30, 40, dtype=torch.uint8)
BOXES = torch.tensor([[2, 3, 20, 25]])
RED = [255, 0, 0]


def test_a_box_is_a_frame_and_the_image_stays_as_it_was():
    drawn = draw_bounding_boxes(BLACK, BOXES, colors="red", width=2)
    assert drawn[:, 4, 10].tolist() == RED
    assert not drawn[:, 5:24, 4:19].any()
    assert not drawn[:, :, 21:].any()
    assert not BLACK.any()


def test_boxes_are_filled_transparently_also_rotated_ones():
    assert draw_bounding_boxes(BLACK, BOXES, colors=(255, 0, 0), fill=True)[0, 10, 10] == 100
    diamond = torch.tensor([[20, 5, 30, 15, 20, 25, 10, 15]])
    drawn = draw_bounding_boxes(BLACK, diamond, colors="red", fill=True)
    assert drawn[0, 15, 20] == 100
    assert drawn[:, 15, 10].tolist() == RED
    assert not drawn[:, 6, 11].any()


def test_texts_are_drawn_within_their_boxes_in_their_colours():
    plain = draw_bounding_boxes(BLACK, BOXES, colors="red")
    drawn = draw_bounding_boxes(BLACK, BOXES, ["M"], colors="red", label_colors="blue")
    changed = (drawn != plain).any(0).nonzero()
    assert len(changed) > 5
    assert changed.amin(0).tolist() >= [3, 2]
    assert drawn[2].max() > 100
    grounded = draw_bounding_boxes(BLACK, BOXES, ["M"], colors="red", fill_labels=True, label_background_colors="lime")
    assert (grounded[1] == 255).sum() > 5


def test_images_with_floats_keep_their_type_and_grey_ones_become_coloured():
    drawn = draw_bounding_boxes(torch.full((1, 30, 40), 0.5, dtype=torch.float64), BOXES, colors="red")
    assert drawn.dtype == torch.float64
    assert drawn[:, 3, 10].tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("image", "options", "message"),
    [
        (BLACK[None], {}, "not batches"),
        (BLACK.int(), {}, "uint8 or float"),
        (BLACK[:2], {}, "grayscale and RGB"),
        (BLACK, {"labels": ["a", "b"]}, "mismatch"),
        (BLACK, {"colors": []}, "Number of colors"),
        (BLACK, {"colors": 3}, "colors must be"),
    ],
)
def test_what_cannot_be_drawn_is_refused(image, options, message):
    with pytest.raises(ValueError, match=message):
        draw_bounding_boxes(image, BOXES, **options)


def test_boxes_upside_down_are_refused():
    with pytest.raises(ValueError, match="xmin, ymin, xmax, ymax"):
        draw_bounding_boxes(BLACK, BOXES.flip(1))


@pytest.mark.parametrize("scale", [1, 255])
def test_masks_are_blended_and_darker_where_they_overlap(scale):
    image = torch.full((3, 2, 2), 0.4) if scale == 1 else torch.full((3, 2, 2), 102, dtype=torch.uint8)
    masks = torch.tensor([[[1, 1], [0, 0]], [[0, 1], [0, 1]]], dtype=torch.bool)
    drawn = draw_segmentation_masks(image, masks, alpha=0.5, colors=["red", "blue"]).double() / scale
    expected = [[0.7, 0.2, 0.4, 0.2], [0.2, 0.2, 0.4, 0.2], [0.2, 0.2, 0.4, 0.7]]
    torch.testing.assert_close(drawn.flatten(1), torch.tensor(expected, dtype=torch.float64), rtol=0, atol=0.005)


@pytest.mark.parametrize("masks", [torch.zeros(1, 30, 40), torch.zeros(1, 3, 3, dtype=torch.bool)])
def test_masks_of_another_type_or_size_are_refused(masks):
    with pytest.raises(ValueError, match=r"dtype bool|same height and width"):
        draw_segmentation_masks(BLACK, masks)


def test_keypoints_are_discs_and_those_that_are_not_seen_are_left_out():
    points = torch.tensor([[[5.0, 5.0], [30.0, 5.0], [30.0, 25.0]]])
    drawn = draw_keypoints(BLACK, points, [(0, 1), (1, 2)], "red", 2, 1, torch.tensor([[1, 1, 0]]))
    assert drawn[:, 5, 3].tolist() == RED  # the line begins at the centre
    assert drawn[:, 5, 15].tolist() == [255, 255, 255]
    assert not drawn[:, 20:].any()
    with pytest.raises(ValueError, match="visibility"):
        draw_keypoints(BLACK, points, visibility=torch.ones(1, 2))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_white_stays_white_in_every_precision(dtype):
    drawn = draw_bounding_boxes(torch.ones(3, 30, 40, dtype=dtype), BOXES, colors="red")
    assert drawn.dtype == dtype
    assert (drawn[:, 0, 0] == 1).all()
