"""Layers with torchvision's arguments."""

import pytest
import torch
from torch import nn

from zoo_core.layers import (
    MLP,
    Conv2dNormActivation,
    Conv3dNormActivation,
    DropBlock2d,
    DropBlock3d,
    drop_block2d,
    drop_block3d,
    stochastic_depth,
)


def test_a_convolution_takes_torchvisions_arguments_by_place():
    layer = Conv2dNormActivation(4, 8, 3, 2, 0, 2, None, nn.SiLU, 2, False, False)
    convolution, activation = layer
    assert (convolution.padding, convolution.groups, convolution.dilation) == ((0, 0), 2, (2, 2))
    assert convolution.bias is None
    assert not activation.inplace


def test_a_convolution_is_padded_for_kernels_and_dilations_of_each_side():
    assert Conv2dNormActivation(3, 8, (3, 5), dilation=(2, 1))[0].padding == (2, 2)
    assert Conv3dNormActivation(3, 8, (1, 3, 3), padding="same")[0].padding == "same"


def test_activations_work_in_place_unless_they_take_no_such_argument():
    assert Conv3dNormActivation(3, 8)[2].inplace
    assert isinstance(Conv2dNormActivation(3, 8, activation_layer=nn.GELU, inplace=None)[2], nn.GELU)


def test_a_perceptron_has_torchvisions_layers():
    layers = MLP(8, [16, 4], norm_layer=nn.LayerNorm, inplace=True, bias=False, dropout=0.1)
    kinds = [nn.Linear, nn.LayerNorm, nn.ReLU, nn.Dropout, nn.Linear, nn.Dropout]
    assert [type(layer) for layer in layers] == kinds
    assert layers[0].bias is None
    assert layers[5].inplace
    with pytest.raises(ValueError, match="at least one layer"):
        MLP(8, [])


@pytest.mark.parametrize(("drop", "shape"), [(drop_block2d, (2, 3, 9, 8)), (drop_block3d, (2, 3, 5, 7, 8))])
def test_dropped_blocks_are_whole_and_the_sum_is_kept(drop, shape):
    torch.manual_seed(0)
    dropped = drop(torch.ones(shape), 0.2, 3)
    zeros = (dropped == 0).float()
    assert 0 < zeros.mean() < 0.5
    pool = nn.functional.max_pool2d if len(shape) == 4 else nn.functional.max_pool3d
    whole = 1 - pool(1 - zeros, 3, 1)  # where all of a block is dropped
    grown = pool(nn.functional.pad(whole, [2] * (2 * (len(shape) - 2))), 3, 1)
    assert torch.equal(grown, zeros)
    torch.testing.assert_close(dropped.sum(), torch.tensor(float(dropped.numel())))


def test_blocks_are_dropped_in_place_on_demand_and_only_in_training():
    features = torch.ones(1, 2, 8, 8)
    assert DropBlock2d(0.5, 3).eval()(features) is features
    assert DropBlock2d(0.5, 3, inplace=True)(features) is features
    assert DropBlock3d(0.0, 3)(features[None]).sum() == features.sum()
    assert drop_block2d(features[:0], 0.5, 3).shape == (0, 2, 8, 8)


@pytest.mark.parametrize(("p", "block_size", "dimensions"), [(1.5, 3, 4), (0.1, 2, 4), (0.1, 3, 3)])
def test_blocks_that_cannot_be_dropped_are_refused(p, block_size, dimensions):
    with pytest.raises(ValueError, match=r"drop probability|block size|4 dimensional"):
        drop_block2d(torch.zeros([4] * dimensions), p, block_size)


def test_stochastic_depth_keeps_or_drops_whole_rows():
    torch.manual_seed(0)
    rows = stochastic_depth(torch.ones(200, 3), 0.25, "row")
    assert set(rows.flatten().tolist()) == {0.0, torch.tensor(1 / 0.75).item()}
    assert all(len(set(row)) == 1 for row in rows.tolist())
    assert len(set(stochastic_depth(torch.ones(20, 3), 0.5, "batch").flatten().tolist())) == 1


def test_drop_block_of_many_features_keeps_their_mean_in_half_precision():
    torch.manual_seed(0)
    dropped = drop_block2d(torch.ones(4, 64, 32, 32, dtype=torch.float16), 0.1, 3)
    assert dropped.dtype == torch.float16
    assert dropped.float().mean().item() == pytest.approx(1.0, abs=0.01)
