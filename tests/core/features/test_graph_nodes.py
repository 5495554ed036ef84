"""Nodes of graphs by torchvision's names."""

import copy
import math
import pickle

import pytest
import torch
from torch import nn

from zoo_core.features import create_feature_extractor, get_graph_node_names
from zoo_core.layers import Conv2dNormActivation, StochasticDepth


class Block(nn.Module):
    """Adds twice."""

    def __init__(self):
        super().__init__()
        self.conv = Conv2dNormActivation(3, 3)
        self.relu = nn.ReLU(inplace=True)
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x):
        x = self.relu(self.conv(x) + x)
        return self.relu(x * self.scale + x)


class Net(nn.Module):
    """Has an output in training alone."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.Sequential(Block(), Block())
        self.depth = StochasticDepth(0.5, "row")
        self.head = nn.Linear(3, 2)

    def forward(self, x):
        x = self.blocks(x)
        if self.training:
            x = self.depth(x)
        size = math.sqrt(4)
        return self.head(x.mean([2, 3]) / size)


BLOCK = ["conv", "add", "relu", "{}_scale", "mul", "add_1", "relu_1"]
NAMES = ["x", *(f"blocks.{i}.{own.format(f'blocks_{i}')}" for i in (0, 1) for own in BLOCK)]


def test_nodes_are_named_by_their_modules_and_numbered():
    with pytest.warns(UserWarning, match="'depth'"):
        training, evaluation = get_graph_node_names(Net())
    assert evaluation == [*NAMES, "mean", "truediv", "head"]
    assert training == [*NAMES, "depth", "mean", "truediv", "head"]


def test_modules_are_followed_or_not_as_told():
    names = get_graph_node_names(Net(), {"leaf_modules": [Block]}, suppress_diff_warning=True)[1]
    assert names == ["x", "blocks.0", "blocks.1", "mean", "truediv", "head"]


def test_an_extractor_returns_nodes_by_name_or_the_last_one_of_a_module():
    net, images = Net().eval(), torch.randn(2, 3, 4, 4)
    wanted = {"blocks.0.add": "first", "blocks.1": "last", "head": "scores"}
    extractor = create_feature_extractor(net, wanted, suppress_diff_warning=True)
    features = extractor(images)
    first = net.blocks[0].conv(images) + images
    torch.testing.assert_close(features["first"], first)  # before what follows in place
    torch.testing.assert_close(features["last"], net.blocks(images))
    torch.testing.assert_close(features["scores"], net(images))


def test_what_is_not_needed_is_left_out_and_the_rest_is_shared():
    net = Net().eval()
    extractor = create_feature_extractor(net, ["blocks.0"], suppress_diff_warning=True)
    assert {name.split(".")[1] for name, _ in extractor.named_parameters()} == {"0"}
    assert extractor.get_submodule("blocks.0.conv") is net.blocks[0].conv
    for again in (copy.deepcopy(extractor), pickle.loads(pickle.dumps(extractor))):
        images = torch.randn(1, 3, 4, 4)
        torch.testing.assert_close(again(images), extractor(images))


def test_modes_have_nodes_of_their_own():
    extractor = create_feature_extractor(
        Net(), train_return_nodes={"depth": "dropped"}, eval_return_nodes={"blocks": "kept"}
    )
    images = torch.randn(1, 3, 4, 4)
    assert list(extractor.train()(images)) == ["dropped"]
    assert list(extractor.eval()(images)) == ["kept"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"return_nodes": ["nothing"]}, "node: 'nothing' is not present"),
        ({"return_nodes": ["block"]}, "node: 'block' is not present"),
        ({}, "Either `return_nodes`"),
        ({"train_return_nodes": ["x"]}, "then both should be specified"),
        ({"return_nodes": ["x"], "train_return_nodes": ["x"], "eval_return_nodes": ["x"]}, "Either `return_nodes`"),
        ({"return_nodes": []}, "should be a list of names"),
    ],
)
def test_nodes_that_do_not_exist_and_arguments_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        create_feature_extractor(Net(), **arguments, suppress_diff_warning=True)


def test_the_network_and_its_modes_stay_as_they_were():
    net = Net()
    net.blocks[0].eval()
    get_graph_node_names(net, suppress_diff_warning=True)
    assert (net.training, net.blocks[0].training, net.blocks[1].training) == (True, False, True)
