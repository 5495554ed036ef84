"""What is frozen computes as in evaluation while the rest trains."""

from torch import nn

from zoo_classification import resnet18, vit_b_16
from zoo_core.tuning import freeze, train_unfrozen


def modes(network, *names):
    train_unfrozen(network)
    return [network.get_submodule(name).training for name in names]


def test_batch_norm_of_the_frozen_front_keeps_its_statistics():
    network = resnet18()
    freeze(network, "layer4")
    assert modes(network, "bn1", "layer3.1.bn2", "layer4.0.bn1", "fc") == [False, False, True, True]


def test_nothing_is_dropped_in_the_frozen_front():
    network = nn.Sequential(nn.Linear(2, 2), nn.Dropout(), nn.Linear(2, 2), nn.Dropout())
    freeze(network, "2")
    assert modes(network, "0", "1", "2", "3") == [False, False, True, True]


def test_dropout_before_a_classifier_that_trains_alone_is_off():
    network = vit_b_16(dropout=0.1, image_size=32)
    freeze(network)
    assert modes(network, "encoder.dropout", "encoder.layers.encoder_layer_11.dropout", "heads") == [False, False, True]


def test_a_network_that_trains_as_a_whole_stays_in_training_mode():
    network = nn.Sequential(nn.Dropout(), nn.Linear(2, 2), nn.ReLU(), nn.Dropout())
    assert modes(network, "0", "1", "2", "3") == [True, True, True, True]
