"""Boxes, masks and keypoints move with the picture: a rectangle is drawn, moved, and found again in the pixels."""

import pytest
import torch
from torch import Tensor

from zoo_training.augmentation import Scene, crop_visible, scale_jitter
from zoo_training.augmentation._scale_jitter import boxes_around
from zoo_training.tasks.detection import mirrored_pairs

TRIALS = range(20)


def scene_of(box: tuple[int, int, int, int], height: int = 60, width: int = 80) -> Scene:
    """Draw a white rectangle, with its mask, and its upper corners as keypoints left and right."""
    x1, y1, x2, y2 = box
    image = torch.zeros(3, height, width, dtype=torch.uint8)
    image[:, y1:y2, x1:x2] = 255
    corners = [[x1 + 0.5, y1 + 0.5, 2.0], [x2 - 0.5, y1 + 0.5, 1.0]]
    return Scene(
        image=image,
        boxes=torch.tensor([box], dtype=torch.float32),
        labels=torch.tensor([1]),
        masks=image[:1] // 255,
        keypoints=torch.tensor([corners]),
        pairs=(1, 0),
    )


def drawn(seed: int) -> tuple[Scene, torch.Generator]:
    random = torch.Generator().manual_seed(seed)
    x, y = torch.randint(0, 40, (2,), generator=random).tolist()
    width, height = torch.randint(8, 20, (2,), generator=random).tolist()
    return scene_of((x, y, x + width, y + height)), random


def found_box(image: Tensor) -> Tensor:
    """Return the box of the pixels that are brighter than grey, `(1, 4)`."""
    return boxes_around((image[:1] > 127).byte())


def assert_together(scene: Scene, tolerance: float) -> None:
    """Compare what is said with what the picture shows."""
    assert scene.boxes is not None
    assert scene.masks is not None
    seen = found_box(scene.image)
    assert (scene.boxes - seen).abs().max() <= tolerance
    assert (boxes_around(scene.masks) - seen).abs().max() <= tolerance


def assert_corners(scene: Scene, tolerance: float) -> None:
    """Compare the keypoints with the upper corners in the picture: left first, also in a mirror."""
    assert scene.keypoints is not None
    x1, y1, x2, _ = found_box(scene.image)[0].tolist()
    for point, x in zip(scene.keypoints[0].tolist(), (x1, x2), strict=True):
        assert point[2] > 0
        assert abs(point[0] - x) <= tolerance + 0.5
        assert abs(point[1] - y1) <= tolerance + 0.5


@pytest.mark.parametrize("seed", TRIALS)
def test_a_mirrored_scene_is_exact(seed):
    scene, _ = drawn(seed)
    assert_together(scene.flip(), 0)
    assert_corners(scene.flip(), 0)
    assert torch.equal(scene.flip().flip().boxes, scene.boxes)


def test_left_and_right_keypoints_change_their_places_in_a_mirror():
    flipped = scene_of((10, 10, 30, 20)).flip()
    assert flipped.keypoints[0].tolist() == [[50.5, 10.5, 1.0], [69.5, 10.5, 2.0]]


@pytest.mark.parametrize("seed", TRIALS)
def test_a_part_is_exact(seed: int):
    scene, random = drawn(seed)
    x1, y1, x2, y2 = (int(value) for value in scene.boxes[0])
    top = int(torch.randint(-10, y1 + 1, (), generator=random))
    left = int(torch.randint(-10, x1 + 1, (), generator=random))
    part = scene.crop(top, left, y2 - top + 5, x2 - left + 5)
    assert_together(part, 0)
    assert_corners(part, 0)


@pytest.mark.parametrize("seed", TRIALS)
def test_scaling_is_exact_to_a_pixel(seed: int):
    scene, random = drawn(seed)
    height, width = torch.randint(40, 160, (2,), generator=random).tolist()
    scaled = scene.resize(height, width)
    assert scaled.masks.shape == (1, height, width)
    assert_together(scaled, 1.01)
    assert_corners(scaled, 1.5)


@pytest.mark.parametrize("seed", TRIALS)
def test_jitter_and_mirror_together_are_exact_to_a_pixel(seed):
    scene, random = drawn(seed)
    scaled = scale_jitter(scene, random, least=0.3, greatest=2.0).flip()
    assert scaled.image.shape == scene.image.shape
    if len(scaled.boxes):
        assert_together(scaled, 2.01)


def test_a_smaller_scene_is_whole_and_lies_on_black():
    scene = scene_of((0, 0, 80, 60))
    small = scale_jitter(scene, torch.Generator().manual_seed(3), least=0.5, greatest=0.5)
    assert (small.boxes[0, 2:] - small.boxes[0, :2]).tolist() == [40, 30]
    assert int((small.image[0] > 0).sum()) == 40 * 30


def test_a_larger_scene_is_a_part():
    whole = Scene(image=torch.randint(0, 255, (3, 60, 80), dtype=torch.uint8))
    larger = scale_jitter(whole, torch.Generator(), least=2.0, greatest=2.0)
    assert larger.image.shape == whole.image.shape
    assert not torch.equal(larger.image, whole.image)


def test_a_size_is_that_of_the_longer_side():
    scaled = scale_jitter(scene_of((10, 10, 30, 30)), torch.Generator(), least=1, greatest=1, size=40)
    assert scaled.image.shape == (3, 30, 40)
    assert scaled.boxes.tolist() == [[5, 5, 15, 15]]


def test_factors_of_nothing_are_refused():
    with pytest.raises(ValueError, match="factors above 0"):
        scale_jitter(scene_of((1, 1, 5, 5)), torch.Generator(), least=0, greatest=1)


@pytest.mark.parametrize(("left", "kept"), [(17, 1), (19, 0), (40, 0)])
def test_objects_of_which_hardly_anything_is_left_go(left, kept):
    scene = scene_of((0, 0, 20, 20))
    for each in (scene, Scene(image=scene.image, boxes=scene.boxes, labels=scene.labels)):
        cut = crop_visible(each, 0, left, 60, 40)
        assert len(cut.boxes) == len(cut.labels) == kept


def test_the_box_of_a_cut_object_is_around_what_is_left_of_its_pixels():
    scene = scene_of((0, 0, 40, 40))
    mask = torch.zeros(1, 60, 80, dtype=torch.uint8)
    mask[:, 0:10, 0:40] = 1  # a shape of an L
    mask[:, 10:40, 0:10] = 1
    cut = crop_visible(Scene(image=scene.image, boxes=scene.boxes, labels=scene.labels, masks=mask), 0, 20, 60, 60)
    assert cut.boxes.tolist() == [[0, 0, 20, 10]]


def test_an_object_that_is_whole_keeps_its_box():
    scene = scene_of((0, 0, 40, 40))
    boxes = torch.tensor([[0.0, 0.0, 40.5, 40.25]])
    same = crop_visible(Scene(image=scene.image, boxes=boxes, labels=scene.labels, masks=scene.masks), 0, 0, 50, 50)
    assert torch.equal(same.boxes, boxes)


def test_objects_smaller_than_a_pixel_go():
    tiny = scene_of((10, 10, 14, 14))
    assert len(scale_jitter(tiny, torch.Generator(), least=0.1, greatest=0.1).boxes) == 0


def test_a_keypoint_outside_is_not_there_any_more():
    cut = scene_of((0, 0, 40, 40)).crop(0, 10, 60, 60)
    assert cut.keypoints[0].tolist() == [[0, 0, 0], [29.5, 0.5, 1.0]]


def test_scenes_without_objects_can_be_changed():
    scene = scene_of((10, 10, 30, 30)).chosen(torch.tensor([False]))
    changed = scale_jitter(scene.flip(), torch.Generator().manual_seed(0), least=0.5, greatest=2.0)
    assert changed.masks.shape == (0, 60, 80)
    assert changed.boxes.shape == (0, 4)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["nose", "left_eye", "right_eye", "tail"], (0, 2, 1, 3)),
        (["nose", "l_eye", "r_eye"], (0, 2, 1)),
        (["L_Shoulder", "R_Shoulder"], (1, 0)),
        (["LShoulder", "RShoulder", "LBigToe", "RBigToe", "Nose"], (1, 0, 3, 2, 4)),
        (["kneeL", "kneeR"], (1, 0)),
        (["ear l", "ear r", "ear-top"], (1, 0, 2)),
        (["front-r-paw", "front-l-paw"], (1, 0)),
        (["leftEye", "rightEye"], (1, 0)),
        (["lefteye", "righteye"], (1, 0)),
        (["EYE_LEFT", "Eye_Right"], (1, 0)),
        (["L1", "R1", "L2", "R2"], (1, 0, 3, 2)),
        (["collar", "l_eye", "r_eye"], (0, 2, 1)),
        (["left auge", "right auge", "köp", "tör"], (1, 0, 2, 3)),
    ],
)
def test_left_is_right_in_a_mirror(names, expected):
    assert mirrored_pairs(names) == expected


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["nose", "tail"],
        ["collar", "roll"],
        ["left_wing", "tail"],
        ["left_eye", "right_eye", "left_ear"],
        ["left_eye", "Left-Eye", "right_eye"],
        ["l1", "l2"],
    ],
)
def test_without_a_partner_for_each_side_it_is_not_known_what_a_mirror_shows(names):
    assert mirrored_pairs(names) is None
