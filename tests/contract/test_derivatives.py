"""Networks that attend have derivatives of all kinds: kernels of attention know only those of training."""

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from marks import SCRIPTING
from reference.tiny import ATTENDING, attending

pytestmark = SCRIPTING  # torch calls it itself
STEP = 1e-6
NEED_OTHER_KERNEL = ("vit", "mvit_v1", "mvit_v2")
"""Whose scores nothing learnt is added to: torch then takes a kernel that has first derivatives only."""


@pytest.mark.parametrize("name", ATTENDING)
def test_forward_mode_derivative_is_the_slope(name):
    network, inputs = attending(name)
    network.double()
    inputs, direction = inputs.double(), torch.randn_like(inputs).double()
    _, slope = torch.func.jvp(network, (inputs,), (direction,))
    with torch.no_grad():
        expected = (network(inputs + STEP * direction) - network(inputs - STEP * direction)) / (2 * STEP)
    torch.testing.assert_close(slope, expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())


@pytest.mark.parametrize("name", ATTENDING)
def test_second_derivatives_are_finite_and_those_of_forward_over_reverse(name):
    network, inputs = attending(name)
    network.double()
    inputs = inputs.double().requires_grad_()

    def loss(inputs):
        return network(inputs).square().sum()

    with sdpa_kernel(SDPBackend.MATH) if name in NEED_OTHER_KERNEL else torch.enable_grad():
        (gradient,) = torch.autograd.grad(loss(inputs), inputs, create_graph=True)
        (second,) = torch.autograd.grad(gradient.sum(), inputs, retain_graph=True)
        of_parameters = torch.autograd.grad(gradient.square().sum(), list(network.parameters()), allow_unused=True)
    assert all(tensor.isfinite().all() for tensor in of_parameters if tensor is not None)
    _, expected = torch.func.jvp(torch.func.grad(loss), (inputs.detach(),), (torch.ones_like(inputs),))
    torch.testing.assert_close(second, expected)
