"""The recurrent update of RAFT.

Zachary Teed, Jia Deng: RAFT: Recurrent All-Pairs Field Transforms for Optical Flow, 2020, arXiv:2003.12039:
section 3.3; layers in its figures 9 (large) and 10 (small) of the appendix.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeGuard, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo_core.layers import ConvNormActivation, is_as_written, is_plain

_CONV_RELU = partial(ConvNormActivation, norm_layer=None, activation_layer=partial(nn.ReLU, inplace=True))

Step = Callable[[Tensor, Tensor], Tensor]
"""From hidden state and motion to the next hidden state."""
Update = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""From hidden state, correlations and flow to the next hidden state and the change of the flow."""


class MotionEncoder(nn.Module):
    """Encodes the flow so far and the correlations around it.

    Args:
        in_channels_corr: Channels of the correlations.
        corr_layers: Channels of the one or two convolutions of the correlations.
        flow_layers: Channels of the two convolutions of the flow.
        out_channels: Channels of the output, the flow itself among them.

    Shape:
        Flow `(N, 2, H, W)` and correlations `(N, in_channels_corr, H, W)` to `(N, out_channels, H, W)`.

    Raises:
        ValueError: There are other numbers of layers.
    """

    def __init__(
        self,
        *,
        in_channels_corr: int,
        corr_layers: Sequence[int] = (256, 192),
        flow_layers: Sequence[int] = (128, 64),
        out_channels: int = 128,
    ) -> None:
        super().__init__()
        if len(corr_layers) not in {1, 2} or len(flow_layers) != 2:
            raise ValueError(
                "corr_layers should be 1 or 2 and flow_layers 2 numbers of channels, "
                f"found {len(corr_layers)} and {len(flow_layers)}"
            )
        self.convcorr1 = _CONV_RELU(in_channels_corr, corr_layers[0], 1)
        self.convcorr2 = _CONV_RELU(corr_layers[0], corr_layers[1], 3) if len(corr_layers) == 2 else nn.Identity()
        self.convflow1 = _CONV_RELU(2, flow_layers[0], 7)
        self.convflow2 = _CONV_RELU(flow_layers[0], flow_layers[1], 3)
        self.conv = _CONV_RELU(corr_layers[-1] + flow_layers[-1], out_channels - 2, 3)
        self.out_channels = out_channels

    def forward(self, flow: Tensor, corr_features: Tensor) -> Tensor:
        """Encode `flow` and `corr_features`."""
        corr = self.convcorr2(self.convcorr1(corr_features))
        motion = self.conv(torch.cat([corr, self.convflow2(self.convflow1(flow))], dim=1))
        return torch.cat([motion, flow], dim=1)


def is_plain_convolution(layer: nn.Module) -> TypeGuard[nn.Conv2d]:
    """Tell whether `F.conv2d` with a layer's weight, bias and geometry is what calling it computes."""
    return is_plain(layer, nn.Conv2d) and layer.bias is not None and layer.padding_mode == "zeros"


class ConvGRU(nn.Module):
    """A gated recurrent unit whose products are convolutions (equations 2 to 5).

    Args:
        input_size: Channels of the input, context and motion together.
        hidden_size: Channels of the hidden state.
        kernel_size: Height and width of the convolutions.
        padding: Zeros around their inputs, above and below, and at both sides; half of an odd `kernel_size`, rounded
            down, keeps the size, and is taken if not given.

    Shape:
        Hidden state `(N, hidden_size, H, W)` and input `(N, input_size, H, W)`, to the next hidden state.
    """

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        kernel_size: int | tuple[int, int],
        padding: int | tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        if padding is None:
            height, width = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
            padding = (height // 2, width // 2)
        layer = partial(nn.Conv2d, hidden_size + input_size, hidden_size, kernel_size, padding=padding)
        self.convz, self.convr, self.convq = layer(), layer(), layer()
        self.hidden_size = hidden_size

    def forward(self, h: Tensor, x: Tensor) -> Tensor:
        """Return the next hidden state, for an input of context and motion together."""
        gates = torch.cat([h, x], dim=1)
        update, reset = self.convz(gates).sigmoid(), self.convr(gates).sigmoid()
        candidate = self.convq(torch.cat([reset * h, x], dim=1)).tanh()
        return torch.lerp(h, candidate, update)

    def with_context(self, context: Tensor) -> Step:
        """Return the step from hidden state and motion to the next hidden state, for one context.

        Convolution is linear: what the context, which stays, adds to all three products is computed here, once.
        """
        layers = (self.convz, self.convr, self.convq)
        if not (is_as_written(self, ConvGRU) and _can_be_joined(layers, self.hidden_size)):
            return lambda hidden, motion: self(hidden, torch.cat([context, motion], dim=1))
        convolve = partial(F.conv2d, stride=layers[0].stride, padding=layers[0].padding, dilation=layers[0].dilation)
        size = self.hidden_size
        end = size + context.shape[1]
        constant = convolve(
            context,
            torch.cat([layer.weight[:, size:end] for layer in layers]),
            torch.cat([cast("Tensor", layer.bias) for layer in layers]),
        )
        gates_constant, candidate_constant = constant[:, : 2 * size], constant[:, 2 * size :]
        weights = [torch.cat([layer.weight[:, :size], layer.weight[:, end:]], dim=1) for layer in layers]
        gates_weight, candidate_weight = torch.cat(weights[:2]), weights[2]

        def step(hidden: Tensor, motion: Tensor) -> Tensor:
            gates = convolve(torch.cat([hidden, motion], dim=1), gates_weight) + gates_constant
            update, reset = gates.sigmoid().chunk(2, dim=1)
            candidate = convolve(torch.cat([reset * hidden, motion], dim=1), candidate_weight) + candidate_constant
            return torch.lerp(hidden, candidate.tanh(), update)

        return step


def _can_be_joined(layers: Sequence[nn.Module], out_channels: int) -> bool:
    """Tell whether layers are plain convolutions of one kind, to be computed together, or for a part of the input.

    Anything may have taken the place of one since, or been hung on it.
    """
    return all(
        is_plain_convolution(layer)
        and layer.out_channels == out_channels
        and layer.groups == 1
        and _geometry(layer) == _geometry(layers[0])
        for layer in layers
    )


def _geometry(layer: Any) -> tuple[object, ...]:
    return layer.in_channels, layer.kernel_size, layer.stride, layer.padding, layer.dilation, layer.weight.dtype


class RecurrentBlock(nn.Module):
    """One or two gated recurrent units, one after the other.

    Args:
        input_size: Channels of context and motion together.
        hidden_size: Channels of the hidden state.
        kernel_size: Height and width of the convolutions of each unit.
        padding: Of each unit, as for `ConvGRU`; what keeps the size if not given.

    Raises:
        ValueError: There are neither one nor two units, or not a padding for each.
    """

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        kernel_size: Sequence[tuple[int, int]] = ((1, 5), (5, 1)),
        padding: Sequence[tuple[int, int]] | None = None,
    ) -> None:
        super().__init__()
        if len(kernel_size) not in {1, 2}:
            raise ValueError(f"kernel_size should have the sizes of 1 or 2 units, found {len(kernel_size)}")
        if padding is not None and len(padding) != len(kernel_size):
            raise ValueError(
                f"kernel_size should have the same length as padding, found {len(kernel_size)} and {len(padding)}"
            )
        paddings = [None] * len(kernel_size) if padding is None else padding
        for number, (size, around) in enumerate(zip(kernel_size, paddings, strict=True), 1):
            unit = ConvGRU(input_size=input_size, hidden_size=hidden_size, kernel_size=size, padding=around)
            self.add_module(f"convgru{number}", unit)
        self.hidden_size = hidden_size

    def forward(self, h: Tensor, x: Tensor) -> Tensor:
        """Return the next hidden state, for an input of context and motion together."""
        for unit in self.children():
            h = unit(h, x)
        return h

    def with_context(self, context: Tensor) -> Step:
        """Return the step from hidden state and motion to the next hidden state, for one context."""
        if not is_as_written(self, RecurrentBlock):
            return lambda hidden, motion: self(hidden, torch.cat([context, motion], dim=1))
        steps = [_step_of(unit, context) for unit in self.children()]

        def step(hidden: Tensor, motion: Tensor) -> Tensor:
            for unit_step in steps:
                hidden = unit_step(hidden, motion)
            return hidden

        return step


def _step_of(recurrent: nn.Module, context: Tensor) -> Step:
    """Return the step of a unit or block, or of what somebody has put in its place."""
    if isinstance(recurrent, (ConvGRU, RecurrentBlock)):
        return recurrent.with_context(context)
    return lambda hidden, motion: recurrent(hidden, torch.cat([context, motion], dim=1))


class FlowHead(nn.Module):
    """Predicts from the hidden state by how much the flow changes.

    Args:
        in_channels: Channels of the hidden state.
        hidden_size: Channels in between.

    Shape:
        `(N, in_channels, H, W)` to `(N, 2, H, W)`.
    """

    def __init__(self, *, in_channels: int, hidden_size: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, hidden_size, 3, padding=1)
        self.conv2 = nn.Conv2d(hidden_size, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Predict from `x`."""
        change: Tensor = self.conv2(F.relu(self.conv1(x)))
        return change


class UpdateBlock(nn.Module):
    """One iteration: encodes the motion, updates the hidden state, and predicts the change of the flow.

    Args:
        motion_encoder: Called with the flow and the correlations; its `out_channels` tells its width.
        recurrent_block: Called with the hidden state and its input, as `RecurrentBlock`; `hidden_size` tells its width.
        flow_head: Called with the hidden state.

    Shape:
        Hidden state, context, correlations, and flow `(N, 2, H, W)`, to the next hidden state and the change of the
        flow.
    """

    def __init__(self, *, motion_encoder: nn.Module, recurrent_block: nn.Module, flow_head: nn.Module) -> None:
        super().__init__()
        self.motion_encoder = motion_encoder
        self.recurrent_block = recurrent_block
        self.flow_head = flow_head
        self.hidden_state_size = cast("int", recurrent_block.hidden_size)

    def forward(
        self, hidden_state: Tensor, context: Tensor, corr_features: Tensor, flow: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the next hidden state and the change of the flow."""
        return self.with_context(context)(hidden_state, corr_features, flow)

    def with_context(self, context: Tensor) -> Update:
        """Return the same for one context, for which all that depends on it alone is computed once."""
        step = _step_of(self.recurrent_block, context)

        def update(hidden_state: Tensor, corr_features: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
            hidden_state = step(hidden_state, self.motion_encoder(flow, corr_features))
            return hidden_state, self.flow_head(hidden_state)

        return update
