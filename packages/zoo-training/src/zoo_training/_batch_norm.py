"""Batch normalisation in training: over the samples of all processes, with statistics that soon fit the data."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, distributed, nn


class _Sum(torch.autograd.Function):
    """The sum over all processes. Each one's loss depends on it, so its gradient is the sum of all gradients."""

    @staticmethod
    def forward(_context: Any, values: Tensor) -> Tensor:
        total = values.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(_context: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        distributed.all_reduce(total)
        return total


class SynchronizedBatchNorm(nn.modules.batchnorm._BatchNorm):
    r"""Batch normalisation whose statistics are those of the samples of all processes together.

    With `x_p` the values of a channel in process `p`, and `n_p` their number, in training (Ioffe and Szegedy, 2015,
    arXiv:1502.03167, algorithm 1, over all processes):

        n = Σ_p n_p,    μ = Σ_p Σ x_p / n,    σ² = Σ_p Σ (x_p - μ)² / n,    y_p = weight · (x_p - μ) / √(σ² + ε) + bias

    Gradients go through the sums. torch's own `SyncBatchNorm` takes tensors on a GPU alone.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `(N, C, …)`."""
        if not (self.training or self.running_mean is None):
            return super().forward(x)
        axes = [axis for axis in range(x.ndim) if axis != 1]
        values = x.float()
        sums = torch.cat([values.sum(axes), values.new_full((1,), x.numel() / x.shape[1])])
        total: Tensor = _Sum.apply(sums)  # type: ignore[no-untyped-call] # torch's
        count = total[-1].detach()
        if count.item() <= 1:
            raise ValueError(f"Expected more than 1 value per channel when training, got input size {tuple(x.shape)}.")
        mean = total[:-1] / count
        shape = [1, -1] + [1] * (x.ndim - 2)
        centred = values - mean.view(shape)
        variance = _Sum.apply(centred.square().sum(axes)) / count  # type: ignore[no-untyped-call] # torch's
        self._remember(mean.detach(), variance.detach() * count / (count - 1))
        scale = torch.rsqrt(variance + self.eps)
        if self.affine:
            scale = scale * self.weight
        normal = centred * scale.view(shape)
        return (normal + self.bias.view(shape) if self.affine else normal).to(x.dtype)

    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or not self.track_running_stats:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        share = 1 / self.num_batches_tracked.item() if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), share)
        self.running_var.lerp_(variance.to(self.running_var.dtype), share)

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002 # as torch has it
        if input.ndim < 2:
            raise ValueError(f"Expected (N, C, …), found {tuple(input.shape)}.")


_PLAIN = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def synchronize(model: nn.Module) -> dict[str, nn.Module]:
    """Put `SynchronizedBatchNorm` in place of a network's batch normalisation, with the same parameters and buffers.

    Returns:
        The modules that were there, by name, for `put_back`.
    """
    found = {name: module for name, module in model.named_modules() if type(module) in _PLAIN}
    for name, module in found.items():
        assert isinstance(module, nn.modules.batchnorm._BatchNorm)
        ours = SynchronizedBatchNorm(
            module.num_features, module.eps, module.momentum, module.affine, module.track_running_stats
        )
        ours.weight, ours.bias = module.weight, module.bias
        ours.running_mean, ours.running_var = module.running_mean, module.running_var
        ours.num_batches_tracked = module.num_batches_tracked
        model.set_submodule(name, ours.train(module.training))
    return found


def put_back(model: nn.Module, modules: dict[str, nn.Module]) -> None:
    """Undo `synchronize`."""
    for name, module in modules.items():
        model.set_submodule(name, module)


def new_batch_norms(model: nn.Module) -> dict[str, float]:
    """Return the batch normalisation that has never seen data, by name, with its momentum.

    Its statistics are what they are initialised with: means of 0, variances of 1.
    """
    return {
        name: module.momentum
        for name, module in model.named_modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.momentum is not None and _is_new(module)
    }


def _is_new(module: nn.modules.batchnorm._BatchNorm) -> bool:
    mean, variance = module.running_mean, module.running_var
    return mean is not None and variance is not None and not mean.any() and bool((variance == 1).all())


def set_momentum(model: nn.Module, momenta: Mapping[str, float], step: int | None) -> None:
    """Give batch normalisation the momentum of a step: the share of a batch in its running statistics.

    In step `n`, from 0 on, it is max(momentum, 9 / (11 + n)): the values of the beginning are soon forgotten, as
    in `ExponentialMovingAverage`. With MobileNetV3's momentum of 0.01 alone, a third of them would be left after 100
    steps: a variance of 0.37, where that of deep layers is far below.

    Args:
        model: The network.
        momenta: What `new_batch_norms` returned before the first step.
        step: Which one; `None` for the momentum that was there before.
    """
    least = 0.0 if step is None else 9 / (11 + step)
    for name, momentum in momenta.items():
        module = model.get_submodule(name)
        assert isinstance(module, nn.modules.batchnorm._BatchNorm)
        module.momentum = max(momentum, least)
