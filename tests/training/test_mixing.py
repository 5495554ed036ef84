"""How much of each image is kept when images are mixed: a beta distribution, for any alpha."""

import pytest
import torch

from zoo_training.augmentation import _mix, mix_batch
from zoo_training.augmentation._mix import _beta

ALPHAS = [1e-9, 1e-3, 0.2, 1.0, 4.0, 4.01, 10.0, 20.0, 1e3, 1e9, 1e300]


def drawn(alpha, count=1500):
    generator = torch.Generator().manual_seed(3)
    return torch.tensor([_beta(alpha, generator) for _ in range(count)], dtype=torch.float64)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_what_is_kept_has_the_moments_of_its_beta_distribution(alpha):
    found = drawn(alpha)
    assert ((found >= 0) & (found <= 1)).all()
    variance = 1 / (4 * (2 * alpha + 1))
    assert abs(float(found.mean()) - 0.5) < 4 * (variance / len(found)) ** 0.5 + 1e-15
    if alpha < 1e12:
        assert float(found.var()) == pytest.approx(variance, rel=0.15)
    kurtosis = 3 - 6 / (2 * alpha + 3)  # 3 of a normal distribution, 1 of two values
    if alpha < 1e12:
        assert float((found - 0.5).pow(4).mean() / found.var() ** 2) == pytest.approx(kurtosis, rel=0.25)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_few_random_numbers_are_needed_for_any_alpha(alpha, monkeypatch):
    count = 0

    def counting(draw):
        def wrapped(*arguments, **options):
            nonlocal count
            count += 1
            return draw(*arguments, **options)

        return wrapped

    monkeypatch.setattr(_mix.torch, "rand", counting(torch.rand))
    monkeypatch.setattr(_mix.torch, "randn", counting(torch.randn))
    drawn(alpha, 100)
    assert count < 100 * 2 * 120


@pytest.mark.parametrize(
    ("alpha", "expected"),
    [
        (0.2, [0.029988050766914215, 0.2648353771038583, 0.03294079766296791]),
        (1.0, [0.3371748580788624, 0.6685331437347439, 0.7192180309517755]),
        (4.0, [0.45005128613401263, 0.7384906815048673, 0.5385561670622122]),
    ],
)
def test_runs_that_have_begun_go_on_with_the_numbers_that_they_would_have_had(alpha, expected):
    generator = torch.Generator().manual_seed(0)
    assert [_beta(alpha, generator) for _ in range(3)] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("alpha", [0.2, 20.0])
def test_mixing_depends_on_its_generator_alone(alpha):
    images, targets = torch.rand(4, 3, 8, 8), torch.eye(4)
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        state = torch.get_rng_state()
        found.append(mix_batch(images, targets, torch.Generator().manual_seed(5), mixup=alpha, cutmix=alpha))
        assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))
