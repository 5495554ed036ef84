"""The transforms that programs compose."""

import pickle
import random
from functools import partial

import pytest
import torch
from PIL import Image

from zoo_torchvision import transforms as T
from zoo_torchvision.transforms import functional as F

RAMP = torch.arange(12, dtype=torch.uint8).reshape(1, 3, 4)
PICTURE = F.to_pil_image(RAMP)
COLOURS = torch.tensor([[[255, 0, 10]], [[0, 255, 20]], [[0, 0, 30]]], dtype=torch.uint8)


def both(function):
    """Return what a function makes of a tensor, once it is known to make the same of the PIL image."""
    pixels = function(RAMP)
    assert torch.equal(F.to_tensor(function(PICTURE)).mul(255).round(), pixels.float())
    return pixels


def test_a_program_prepares_a_picture():
    prepare = T.Compose([T.Resize(8), T.CenterCrop(6), T.ToTensor(), T.Normalize([0.5] * 3, [0.25] * 3)])
    assert torch.equal(prepare(Image.new("RGB", (20, 10), (255, 0, 0)))[:, 0, 0], torch.tensor([2.0, -2, -2]))
    assert repr(prepare).splitlines()[2] == "    CenterCrop(size=(6, 6))"
    assert isinstance(pickle.loads(pickle.dumps(prepare)), T.Compose)


@pytest.mark.parametrize(
    ("mode", "first"), [("1", 1.0), ("L", 7 / 255), ("RGB", 7 / 255), ("I", 7), ("F", 7.0), ("I;16", 7)], ids=str
)
def test_bytes_become_shares_and_wider_pixels_keep_their_values(mode, first):
    pixels = F.to_tensor(Image.new(mode, (2, 1), (7, 7, 7) if mode == "RGB" else 7))
    assert pixels.flatten()[0].item() == pytest.approx(first)


def test_sixteen_bits_of_grey_are_signed_and_can_be_computed_with():
    picture = Image.new("I;16", (2, 1), 40000)
    pixels = T.Compose([T.ToTensor(), T.RandomHorizontalFlip(1.0)])(picture)
    assert pixels.dtype == torch.int16
    assert pixels.max().item() == 40000 - 2**16
    assert T.PILToTensor()(picture).dtype == torch.uint16


def test_arrays_that_run_backwards_become_pictures():
    numpy = pytest.importorskip("numpy")
    bgr = numpy.array([[[1, 2, 3], [4, 5, 6]]], dtype=numpy.uint8)
    assert F.to_pil_image(bgr[:, :, ::-1]).getpixel((0, 0)) == (3, 2, 1)
    assert F.to_pil_image(numpy.fliplr(bgr)).getpixel((0, 0)) == (4, 5, 6)


def test_the_middle_is_cut_out_of_a_map_without_channels():
    assert torch.equal(T.CenterCrop(2)(RAMP[0]), RAMP[0, :2, 1:3])
    assert F.center_crop(RAMP[0], 6).shape == (6, 6)


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric"])
def test_a_border_leaves_the_palette(mode):
    picture = Image.new("P", (3, 3), 1)
    picture.putpalette([0, 0, 0, 255, 0, 0])
    assert F.pad(picture, [1], fill=1, padding_mode=mode).convert("RGB").getpixel((0, 0)) == (255, 0, 0)


def test_a_tensor_becomes_a_picture_and_comes_back():
    for shape, mode in [((1, 2, 3), "L"), ((2, 2, 3), "LA"), ((3, 2, 3), "RGB"), ((4, 2, 3), "RGBA")]:
        pixels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
        picture = T.ToPILImage()(pixels)
        assert picture.mode == mode
        assert torch.equal(T.PILToTensor()(picture), pixels)
    assert F.to_pil_image(torch.ones(2, 2)).getpixel((0, 0)) == 255
    assert F.to_pil_image(torch.ones(1, 2, 2), mode="F").mode == "F"


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: F.to_pil_image(torch.ones(5, 2, 2)), ValueError),
        (lambda: F.to_pil_image(torch.ones(3, 2, 2), mode="L"), ValueError),
        (lambda: F.to_pil_image(torch.ones(2, 2, dtype=torch.int64)), TypeError),
        (lambda: F.to_pil_image("picture"), TypeError),
        (lambda: F.to_tensor(torch.ones(1)), TypeError),
        (lambda: F.convert_image_dtype(PICTURE), TypeError),
        (lambda: F.convert_image_dtype(torch.ones(1), torch.int32), RuntimeError),
        (lambda: F.pad(RAMP, [1, 2, 3]), ValueError),
        (lambda: F.pad(RAMP, 1, padding_mode="mirror"), ValueError),
        (lambda: F.pad(RAMP, 1, (1, 2)), ValueError),
        (lambda: F.pad(PICTURE, 1, (1, 2)), ValueError),
        (lambda: F.resize(RAMP, [2, 3], max_size=5), ValueError),
        (lambda: F.resize(RAMP, 5, max_size=5), ValueError),
        (lambda: F.resize(RAMP, 2, interpolation="lanczos"), ValueError),
        (lambda: F.adjust_hue(COLOURS, 0.6), ValueError),
        (lambda: F.adjust_brightness(COLOURS, -1), ValueError),
        (lambda: F.rgb_to_grayscale(COLOURS, 2), ValueError),
        (lambda: T.ColorJitter(brightness=-1), ValueError),
        (lambda: T.ColorJitter(hue=0.6), ValueError),
        (lambda: T.CenterCrop((1, 2, 3)), ValueError),
        (lambda: T.RandomCrop(5)(RAMP), ValueError),
        (lambda: T.Lambda("no function"), TypeError),  # type: ignore[arg-type]
        (lambda: T.RandomOrder(T.ToTensor()), TypeError),  # type: ignore[arg-type]
    ],
)
def test_what_does_not_fit_is_refused(call, error):
    with pytest.raises(error):
        call()


@pytest.mark.parametrize(
    ("mode", "row"),
    [
        ("constant", [0, 0, 0, 1, 2, 3, 0, 0]),
        ("edge", [0, 0, 0, 1, 2, 3, 3, 3]),
        ("reflect", [2, 1, 0, 1, 2, 3, 2, 1]),
        ("symmetric", [1, 0, 0, 1, 2, 3, 3, 2]),
    ],
)
def test_borders_go_on_as_their_mode_says(mode, row):
    assert both(partial(F.pad, padding=[2, 0], padding_mode=mode))[0, 0].tolist() == row


def test_a_border_has_the_colour_that_is_asked_for():
    assert F.pad(COLOURS, 1, (1, 2, 3))[:, 0, 0].tolist() == [1, 2, 3]
    assert F.pad(F.to_pil_image(COLOURS), 1, (1, 2, 3)).getpixel((0, 0)) == (1, 2, 3)


@pytest.mark.parametrize(
    ("place", "corner"), [((1, 1, 2, 3), [5, 6, 7]), ((-1, 2, 2, 3), [0, 0, 0]), ((1, -2, 1, 3), [0, 0, 4])]
)
def test_a_rectangle_is_cut_out_and_black_outside(place, corner):
    assert both(lambda image: F.crop(image, *place))[0, 0].tolist() == corner


def test_a_rectangle_far_outside_is_black():
    assert torch.equal(both(lambda image: F.crop(image, -9, 9, 2, 2)), torch.zeros(1, 2, 2, dtype=torch.uint8))


def test_images_are_mirrored():
    assert both(F.hflip)[0, 0].tolist() == [3, 2, 1, 0]
    assert both(F.vflip)[0, :, 0].tolist() == [8, 4, 0]


def test_the_longer_edge_is_limited():
    assert F.get_dimensions(F.resize(torch.zeros(3, 10, 40), 8, max_size=16)) == [3, 4, 16]
    assert F.get_image_size(F.resize(Image.new("L", (40, 10)), 8, max_size=16)) == [16, 4]


@pytest.mark.parametrize("interpolation", ["lanczos", "box", "hamming", Image.Resampling.LANCZOS, 3])
def test_pil_images_are_resized_by_any_of_pillows_filters(interpolation):
    assert F.resize(PICTURE, [2, 2], interpolation=interpolation).size == (2, 2)


@pytest.mark.parametrize(
    ("given", "dtype", "expected"),
    [
        (torch.tensor([0.0, 0.5, 1.0]), torch.uint8, [0, 127, 255]),
        (torch.tensor([0, 51, 255], dtype=torch.uint8), torch.float64, [0, 0.2, 1]),
        (torch.tensor([0, 255], dtype=torch.uint8), torch.int16, [0, 255 * 128]),
        (torch.tensor([0, 32767], dtype=torch.int16), torch.uint8, [0, 255]),
    ],
    ids=str,
)
def test_pixels_of_another_type_keep_their_share_of_its_range(given, dtype, expected):
    converted = T.ConvertImageDtype(dtype)(given)
    assert converted.dtype == dtype
    assert converted.tolist() == pytest.approx(expected)


def test_colours_are_changed_as_their_factors_say():
    assert F.adjust_brightness(COLOURS, 0.5)[:, 0, 0].tolist() == [127, 0, 0]
    assert F.adjust_saturation(COLOURS, 0.0)[:, 0, 0].tolist() == [76, 76, 76]
    assert F.adjust_contrast(torch.full((3, 2, 2), 9, dtype=torch.uint8), 3.0).unique().tolist() == [11]
    assert F.adjust_hue(COLOURS, 1 / 3)[:, 0, 0].tolist() == [0, 255, 0]
    for name in ("brightness", "contrast", "saturation"):
        assert torch.equal(getattr(F, f"adjust_{name}")(COLOURS, 1.0), COLOURS)
        adjusted = getattr(F, f"adjust_{name}")(F.to_pil_image(COLOURS), 0.7)
        assert (F.to_tensor(adjusted) - getattr(F, f"adjust_{name}")(COLOURS, 0.7) / 255).abs().max() < 2 / 255


def test_a_seed_gives_the_same_random_transforms_again():
    image = torch.rand(3, 20, 30, generator=torch.Generator().manual_seed(0))
    vary = T.Compose([
        T.RandomResizedCrop(16), T.RandomCrop(12, padding=1), T.RandomHorizontalFlip(), T.RandomVerticalFlip(),
        T.RandomApply([T.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8), T.RandomGrayscale(0.2),
    ])  # fmt: skip
    torch.manual_seed(5)
    first, second = vary(image), vary(image)
    torch.manual_seed(5)
    assert torch.equal(vary(image), first)
    assert first.shape == second.shape == (3, 12, 12)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("size", [(3, 40), (40, 3), (20, 20)])
def test_random_parts_lie_in_the_image(size):
    image = torch.ones(1, *size)
    for seed in range(20):
        torch.manual_seed(seed)
        top, left, height, width = T.RandomResizedCrop.get_params(image, (0.5, 1.0), (0.75, 1.25))
        assert 0 <= top <= top + height <= size[0]
        assert 0 <= left <= left + width <= size[1]
        assert T.RandomResizedCrop(5)(image).shape == (1, 5, 5)


def test_a_small_image_gets_a_border_if_that_is_asked_for():
    assert T.RandomCrop(8, pad_if_needed=True)(RAMP).shape == (1, 8, 8)


def test_orders_are_those_of_torchvision():
    drawn: list[int] = []
    transform = T.RandomOrder([partial(lambda place, image: drawn.append(place) or image, place) for place in range(3)])
    states = []
    for seed in range(3):
        random.seed(seed)
        transform(RAMP)
        states.append(random.random())
    assert drawn == [0, 2, 1, 1, 2, 0, 1, 2, 0]  # recorded, with what the generator gives next
    assert states == pytest.approx([0.04048437818077755, 0.2550690257394217, 0.08487199515892163])


def test_one_of_several_or_all_in_some_order():
    steps = [T.Lambda(lambda text: text + "a"), T.Lambda(lambda text: text + "b")]
    assert {T.RandomChoice(steps)("") for _ in range(50)} == {"a", "b"}
    assert T.RandomChoice(steps, p=[0, 1])("") == "b"
    assert {T.RandomOrder(steps)("") for _ in range(50)} == {"ab", "ba"}
    assert T.RandomApply(steps, p=0.0)("") == ""
