import pytest
import torch

from zoo_flow.warping import warp


def test_whole_pixels_are_fetched_exactly_and_zeros_beyond_the_image() -> None:
    image = torch.rand(2, 3, 5, 6)
    flow = torch.tensor([2.0, -1.0]).view(1, 2, 1, 1).expand(2, 2, 5, 6)
    warped = warp(image, flow)
    torch.testing.assert_close(warped[:, :, 1:, :4], image[:, :, :-1, 2:], rtol=0, atol=1e-5)
    torch.testing.assert_close(warped[:, :, 0], torch.zeros(2, 3, 6), rtol=0, atol=1e-5)
    torch.testing.assert_close(warped[:, :, :, 4:], torch.zeros(2, 3, 5, 2), rtol=0, atol=1e-5)


def test_between_pixels_it_interpolates() -> None:
    ramp = torch.arange(8.0).expand(1, 8, 8) + 10 * torch.arange(8.0)[:, None]
    flow = torch.tensor([0.25, 0.5]).view(2, 1, 1).expand(2, 8, 8)
    torch.testing.assert_close(warp(ramp, flow)[:, :7, :7], ramp[:, :7, :7] + 0.25 + 5)


def test_the_second_image_becomes_the_first() -> None:
    generator = torch.Generator().manual_seed(0)
    scene = torch.rand(3, 40, 60, generator=generator)
    first, second = scene[:, 4:36, 4:56], scene[:, 6:38, 1:53]  # what is at (x, y) moves to (x + 3, y - 2)
    flow = torch.tensor([3.0, -2.0]).view(2, 1, 1).expand(2, 32, 52)
    torch.testing.assert_close(warp(second, flow)[:, 2:, :-3], first[:, 2:, :-3], rtol=0, atol=1e-4)


def test_both_inputs_get_gradients() -> None:
    image = torch.rand(1, 3, 6, 6, requires_grad=True)
    flow = torch.full((1, 2, 6, 6), 0.3, requires_grad=True)
    warp(image, flow).sum().backward()
    assert image.grad is not None
    assert flow.grad is not None
    assert image.grad.any()
    assert flow.grad.any()


@pytest.mark.parametrize(
    ("image", "flow"),
    [((3, 4, 5), (2, 4, 6)), ((1, 3, 4, 5), (2, 4, 5)), ((1, 3, 4, 5), (1, 3, 4, 5)), ((4, 5), (2, 4, 5))],
)
def test_shapes_that_do_not_match_are_refused(image: tuple[int, ...], flow: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"image and flow should have shapes"):
        warp(torch.zeros(image), torch.zeros(flow))


def test_integers_are_refused() -> None:
    with pytest.raises(TypeError, match=r"floating point, found torch\.uint8"):
        warp(torch.zeros(3, 4, 5, dtype=torch.uint8), torch.zeros(2, 4, 5))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_far_pixels_of_half_precision_stay_where_they_are(dtype: torch.dtype) -> None:
    stripes = (torch.arange(2048) % 2).expand(1, 2, 2048).to(dtype)
    warped = warp(stripes, torch.zeros(2, 2, 2048))
    assert warped.dtype == dtype
    torch.testing.assert_close(warped, stripes, rtol=0, atol=0.01)
