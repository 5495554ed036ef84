import pytest
import torch

from zoo_flow.metrics import end_point_distances, end_point_error, outlier_rate
from zoo_flow.training import sequence_loss


def flow_of(*vectors: tuple[float, float]) -> torch.Tensor:
    """Return a flow of one row, `(2, 1, W)`."""
    return torch.tensor(vectors, dtype=torch.float32).t()[:, None]


def test_distances_are_euclidean() -> None:
    distances = end_point_distances(flow_of((0, 0), (1, 1)), flow_of((3, 4), (1, 0)))
    assert distances.tolist() == [5, 1]


def test_end_point_error_is_the_mean_over_all_pixels_of_a_batch() -> None:
    target = torch.zeros(2, 2, 3, 4)
    flow = target.clone()
    flow[0, 0] = 2
    assert end_point_error(flow, target).item() == 1


def test_pixels_that_are_not_valid_do_not_count_even_if_nan() -> None:
    target = flow_of((3, 4), (float("nan"), 0))
    valid = torch.tensor([[True, False]])
    assert end_point_error(torch.zeros(2, 1, 2), target, valid).item() == 5
    assert outlier_rate(torch.zeros(2, 1, 2), target, valid).item() == 1


def test_without_valid_pixels_the_error_is_not_a_number() -> None:
    assert end_point_error(*torch.zeros(2, 2, 3, 4), torch.zeros(3, 4, dtype=torch.bool)).isnan()  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("flow", "target", "is_outlier"),
    [
        ((3.1, 0.0), (0.0, 0.0), True),
        ((2.9, 0.0), (0.0, 0.0), False),
        ((104.0, 0.0), (100.0, 0.0), False),  # 4 %
        ((0.0, 106.0), (0.0, 100.0), True),  # 6 %
    ],
)
def test_an_outlier_is_wrong_by_3_pixels_and_by_5_percent(
    flow: tuple[float, float], target: tuple[float, float], is_outlier: bool
) -> None:
    assert outlier_rate(flow_of(flow), flow_of(target)).item() == is_outlier


def test_later_flows_weigh_more_in_the_loss() -> None:
    target = torch.zeros(1, 2, 4, 4)
    wrong = target + 1
    losses = [sequence_loss(flows, target, gamma=0.5).item() for flows in ([wrong, target], [target, wrong])]
    assert losses == [0.5, 1]


def test_the_loss_is_the_mean_absolute_difference_over_both_directions() -> None:
    flow = flow_of((1, -2), (0, 3))[None]
    assert sequence_loss([flow], torch.zeros_like(flow)).item() == 6 / 4


def test_pixels_that_move_too_far_or_are_not_valid_neither_count_nor_spoil_gradients() -> None:
    target = flow_of((400, 0), (float("nan"), 0), (2, 0))[None]
    flow = torch.zeros_like(target, requires_grad=True)
    loss = sequence_loss([flow], target, torch.tensor([[[True, False, True]]]))
    loss.backward()
    assert loss.item() == pytest.approx(2 / 6)
    assert flow.grad is not None
    assert flow.grad.flatten().tolist() == pytest.approx([0, 0, -1 / 6, 0, 0, 0])


@pytest.mark.parametrize(
    ("flow", "target", "valid", "message"),
    [
        (torch.zeros(3, 4, 4), torch.zeros(3, 4, 4), None, r"same shape \(\.\.\., 2, H, W\), found \[3, 4, 4\]"),
        (torch.zeros(2, 4, 4), torch.zeros(2, 4, 5), None, r"found \[2, 4, 4\] and \[2, 4, 5\]"),
        (torch.zeros(2, 4, 4), torch.zeros(2, 4, 4), torch.ones(4, 4), r"booleans of shape .* torch\.float32"),
        (torch.zeros(2, 4, 4), torch.zeros(2, 4, 4), torch.ones(4, 5) > 0, r"shape \[4, 4\], found .* \[4, 5\]"),
    ],
)
def test_shapes_that_do_not_match_are_refused(
    flow: torch.Tensor, target: torch.Tensor, valid: torch.Tensor | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        end_point_error(flow, target, valid)
    with pytest.raises(ValueError, match=message):
        sequence_loss([flow], target, valid)


def test_a_loss_needs_a_flow() -> None:
    with pytest.raises(ValueError, match="at least one flow"):
        sequence_loss([], torch.zeros(1, 2, 4, 4))
