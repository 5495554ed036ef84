"""Averages of weights: over the steps of a training, or over several checkpoints."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from zoo_core.devices import to_double


class ExponentialMovingAverage:
    """Keeps a moving average of a network's parameters, in `module`; buffers are the network's own.

    The decay grows with the number of updates, `min(decay, (1 + n) / (10 + n))`, so that the beginning is soon
    forgotten. `module` is a copy of the network in evaluation mode, to be evaluated, and saved with `save_model`.

    Args:
        model: The network. In `update`, what `torch.compile` or `DistributedDataParallel` has made of it will do, too.
        decay: What is kept of the average in each update, in [0, 1).

    Raises:
        ValueError: `decay` is out of range.

    Example:
        >>> from torch import nn
        >>> from zoo_core.tuning import ExponentialMovingAverage
        >>> model = nn.Linear(2, 2)
        >>> average = ExponentialMovingAverage(model, decay=0.99)
        >>> average.update(model)
        >>> average.updates
        1
    """

    def __init__(self, model: nn.Module, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay is in [0, 1), found {decay}.")
        self.decay = decay
        self.updates = 0
        self.module = deepcopy(model).eval()
        for parameter in self.module.parameters():
            parameter.requires_grad = False

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Take the network as it is now into the average.

        Raises:
            ValueError: Its parameters are of other shapes: it has got another classifier, for instance.
        """
        ours: list[Tensor] = list(self.module.parameters())
        theirs = [parameter.detach() for parameter in model.parameters()]
        if [tensor.shape for tensor in ours] != [tensor.shape for tensor in theirs]:
            raise ValueError("The network has other parameters than when its average was begun: begin a new one.")
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        torch._foreach_lerp_(ours, theirs, 1 - decay)
        for mine, other in zip(self.module.buffers(), model.buffers(), strict=True):
            mine.copy_(other)

    def state_dict(self) -> dict[str, Any]:
        """Return what is needed to go on later: the average, and the number of updates."""
        return {"module": self.module.state_dict(), "updates": self.updates}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self.module.load_state_dict(state["module"])
        self.updates = int(state["updates"])


def average_states(states: Iterable[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the mean of several checkpoints of one network; integers are those of the last.

    Args:
        states: State dictionaries with the same names and shapes. Of a generator one at a time is in memory, as of
            `map(read_state_dict, paths)`.

    Raises:
        ValueError: There is none, or names or shapes differ.

    Example:
        >>> import torch
        >>> from zoo_core.tuning import average_states
        >>> average_states([{"x": torch.zeros(1)}, {"x": torch.ones(1)}])
        {'x': tensor([0.5000])}
    """
    sums: dict[str, Tensor] = {}
    count = 0
    for state in states:
        count += 1
        if count > 1 and sums.keys() != state.keys():
            raise ValueError("The checkpoints have different tensors: they are not of one network.")
        for name, tensor in state.items():
            if count > 1 and sums[name].shape != tensor.shape:
                raise ValueError(f"{name} has different shapes in the checkpoints.")
            is_summed = count > 1 and tensor.is_floating_point()
            sums[name] = sums[name] + to_double(tensor) if is_summed else _begin(tensor)
        last = state
    if not count:
        raise ValueError("There are no checkpoints to average.")
    return {
        name: (total / count).to(last[name]) if total.is_floating_point() else total for name, total in sums.items()
    }


def _begin(tensor: Tensor) -> Tensor:
    return to_double(tensor) if tensor.is_floating_point() else tensor.clone()
