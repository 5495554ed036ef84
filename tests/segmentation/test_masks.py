"""Label maps and overlays, at the size of the image."""

import io
from collections import OrderedDict

import pytest
import torch
from PIL import Image
from torch.nn.functional import interpolate

from zoo_core import get_weight
from zoo_core.drawing import colour_of
from zoo_segmentation.masks import class_shares, label_map, overlay, to_image

CATEGORIES = get_weight("FCN_ResNet50_Weights.DEFAULT").meta["categories"]


# Label maps


@pytest.mark.parametrize("size", [(40, 60), (97, 31), (33, 47)])
def test_labels_are_the_classes_of_the_interpolated_scores(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    scores = torch.randn(2, 5, 20, 30)
    expected = interpolate(scores, size, mode="bilinear").argmax(1)
    assert torch.equal(label_map(scores, size), expected)


def test_labels_have_the_size_of_the_scores_where_nothing_else_is_said() -> None:
    scores = torch.randn(3, 6, 7)
    assert torch.equal(label_map(scores), scores.argmax(0))


def test_the_main_output_of_a_model_counts() -> None:
    out = torch.randn(1, 3, 4, 5)
    assert torch.equal(label_map(OrderedDict(out=out, aux=-out)), out.argmax(1))


def test_every_score_counts_where_an_image_is_smaller_than_its_scores() -> None:
    scores = torch.zeros(2, 90, 90)
    scores[1, ::9] = 100.0  # single rows
    assert label_map(scores, (10, 10)).all()


def test_the_first_of_equal_scores_counts() -> None:
    assert label_map(torch.zeros(4, 2, 2)).tolist() == [[0, 0], [0, 0]]


def test_half_precision_is_interpolated_in_full() -> None:
    scores = torch.tensor([[[0.0, 1.0]], [[1.0, 0.0]]])
    assert torch.equal(label_map(scores.half(), (1, 8)), label_map(scores, (1, 8)))


@pytest.mark.parametrize(
    ("shape", "size", "message"),
    [
        ((4, 4), None, r"\(\.\.\., C, h, w\).* found shape \(4, 4\)"),
        ((0, 4, 4), None, "found shape"),
        ((2, 4, 4), (0, 4), r"above 0, found \(0, 4\)"),
    ],
)
def test_what_is_no_scores_or_size_is_refused(shape: tuple[int, ...], size: tuple[int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        label_map(torch.zeros(shape), size)


def test_shares_are_of_all_pixels_the_largest_first() -> None:
    assert class_shares(torch.tensor([[7, 7, 7, 0], [7, 2, 2, 7]])) == {7: 0.625, 2: 0.25, 0: 0.125}
    assert list(class_shares(torch.tensor([[7, 7, 0], [7, 2, 2]]))) == [7, 2, 0]


# Images of labels


def test_an_image_of_labels_keeps_classes_and_colours_through_a_file() -> None:
    labels = torch.randint(0, 21, (12, 17))
    file = io.BytesIO()
    to_image(labels).save(file, "PNG")
    image = Image.open(file)
    assert (image.mode, image.size) == ("P", (17, 12))
    assert list(image.tobytes()) == labels.flatten().tolist()
    row, column = (labels == labels.max()).nonzero()[0].tolist()
    assert image.convert("RGB").getpixel((column, row)) == colour_of(int(labels.max()))


def test_the_background_is_black() -> None:
    assert to_image(torch.zeros(1, 1, dtype=torch.int64)).convert("RGB").getpixel((0, 0)) == (0, 0, 0)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (torch.zeros(2, 2), r"integers \(H, W\), found torch.float32"),
        (torch.zeros(1, 2, 2, dtype=torch.int64), r"of shape \(1, 2, 2\)"),
        (torch.tensor([[-1, 3]]), "are from -1 to 3"),
        (torch.tensor([[0, 256]]), "are from 0 to 256"),
    ],
)
def test_what_an_image_cannot_hold_is_refused(labels: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        to_image(labels)


# Overlays


def labels_of(*classes: int) -> torch.Tensor:
    """Return 48 x 64 labels in stripes as wide as each other."""
    return torch.tensor(classes).repeat_interleave(64 // len(classes)).expand(48, -1)


def test_an_overlay_colours_all_but_the_background() -> None:
    drawn = overlay(Image.new("RGB", (64, 48), "white"), labels_of(0, 12), CATEGORIES, legend=False)
    assert drawn.size == (64, 48)
    assert drawn.getpixel((10, 20)) == (255, 255, 255)
    assert drawn.getpixel((50, 20)) == pytest.approx([(255 + band) / 2 for band in colour_of(12)], abs=1)


def test_another_class_or_none_can_be_the_background() -> None:
    white = Image.new("RGB", (64, 48), "white")
    drawn = overlay(white, labels_of(0, 12), CATEGORIES, legend=False, background=12)
    assert drawn.getpixel((50, 20)) == (255, 255, 255) != drawn.getpixel((10, 20))
    drawn = overlay(white, labels_of(0, 12), CATEGORIES, legend=False, background=None)
    assert (255, 255, 255) not in {drawn.getpixel((10, 20)), drawn.getpixel((50, 20))}


def test_the_legend_has_the_classes_that_occur() -> None:
    drawn = overlay(Image.new("RGB", (64, 48)), labels_of(0, 12, 12, 15), CATEGORIES)
    legend = drawn.crop((0, 48, *drawn.size))
    colours = {colour for _, colour in legend.getcolors(legend.width * legend.height) or ()}
    assert {colour_of(12), colour_of(15)} <= colours
    assert colours.isdisjoint(colour_of(index) for index in range(21) if index not in {12, 15})


def test_tensors_and_images_of_labels_draw_the_same() -> None:
    photo, labels = Image.new("RGB", (64, 48)), labels_of(0, 3)
    drawn = overlay(photo, labels, CATEGORIES)
    assert drawn.tobytes() == overlay(photo, to_image(labels), CATEGORIES).tobytes()


def test_an_overlay_of_background_alone_is_the_image() -> None:
    photo = Image.effect_noise((64, 48), 80).convert("RGB")
    assert overlay(photo, labels_of(0), CATEGORIES).tobytes() == photo.tobytes()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (torch.zeros(64, 48, dtype=torch.int64), "size of the image, 64 x 48, found 48 x 64"),
        (torch.full((48, 64), 21), "class 21, but categories names 21"),
        (Image.new("RGB", (64, 48), "white"), "mode 'L' or 'P', one class a pixel, found 'RGB'"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels: torch.Tensor | Image.Image, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        overlay(Image.new("RGB", (64, 48)), labels, CATEGORIES)
