"""Every published number has a protocol, by which it is said how it is measured."""

import pytest

from zoo_core import get_model_weights, list_models, task_of
from zoo_core.names import load_reference
from zoo_evaluation import Evaluation, get_protocol, list_protocols, protocol_of

ENTRIES = [(model, member) for model in list_models() for member in get_model_weights(model)]


@pytest.mark.parametrize(("model", "member"), ENTRIES, ids=[str(member) for _, member in ENTRIES])
def test_every_metric_of_an_entry_is_one_of_a_protocol(model, member):
    stated = member.meta["_metrics"]
    assert stated
    for dataset, metrics in stated.items():
        protocol = protocol_of(dataset, task_of(model).name)
        assert set(metrics) <= set(protocol.metrics)


@pytest.mark.parametrize("name", sorted({task_of(model).name for model in list_models()}))
def test_every_task_names_its_evaluation(name):
    from zoo_core import get_task

    reference = get_task(name).evaluation
    assert reference is not None
    assert issubclass(load_reference(reference), Evaluation)


@pytest.mark.parametrize("name", list_protocols())
def test_a_protocol_says_all_that_there_is_to_know(name):
    protocol = get_protocol(name)
    assert protocol.metrics
    assert protocol.title
    assert protocol.preprocessing.endswith(".")
    assert protocol.aggregation.endswith(".")
    assert protocol.reproducible or protocol.reason
    assert not protocol.dataset or not protocol.reproducible or protocol.count


def test_there_are_numbers_of_all_published_entries():
    assert len({str(member) for _, member in ENTRIES}) == 167
