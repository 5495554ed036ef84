"""S3D beyond what the recorded layout and outputs show."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from zoo_video import S3D
from zoo_video._s3d import MaxPool3d


@pytest.mark.parametrize("arguments", [((1, 3, 3), (1, 2, 2), (0, 1, 1)), (3, 1, 1), (3, 2, 1), (2, 2)])
def test_pooling_gives_what_pooling_in_any_other_layout_gives(arguments: tuple) -> None:
    torch.manual_seed(0)
    values = torch.rand(2, 5, 6, 9, 8).sub_(0.7).relu_()  # many are equal
    ours, theirs = values.clone().requires_grad_(), values.clone().requires_grad_()
    pooled, expected = MaxPool3d(*arguments)(ours), F.max_pool3d(theirs, *arguments)
    assert torch.equal(pooled, expected)
    weights = torch.rand_like(expected)
    (pooled * weights).sum().backward()
    (expected * weights).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


@pytest.mark.slow
def test_longer_and_larger_clips_are_averaged() -> None:
    network = S3D(num_classes=7).eval()
    features = []
    network.features.register_forward_hook(lambda module, inputs, output: features.append(output))
    scores = network(torch.rand(1, 3, 24, 240, 224))
    assert features[0].shape == (1, 1024, 3, 7, 7)
    apart = [network.classifier(features[0][:, :, t : t + 2].mean((2, 3, 4), keepdim=True)) for t in range(2)]
    torch.testing.assert_close(scores, (sum(apart) / 2).flatten(1))


def test_dropout_acts_in_training_only() -> None:
    classifier, features = S3D(num_classes=7, dropout=0.9).classifier, torch.rand(1, 1024, 2, 1, 1)
    assert not torch.equal(classifier(features), classifier(features))
    assert torch.equal(classifier.eval()(features), classifier(features))


def test_norm_layer_takes_the_place_of_batch_norm() -> None:
    groups = list(S3D(norm_layer=lambda channels: nn.GroupNorm(1, channels)).modules())
    assert not any(isinstance(module, nn.BatchNorm3d) for module in groups)
    assert sum(isinstance(module, nn.GroupNorm) for module in groups) == 77
    norm = next(module for module in S3D().modules() if isinstance(module, nn.BatchNorm3d))
    assert (norm.eps, norm.momentum) == (0.001, 0.001)
