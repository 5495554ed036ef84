"""Classes of a data set among those of a model: by name, never in silence where that is not clear."""

import pytest

from evaluation.makers_run import ReadingPredictor, write_images
from zoo_evaluation import Dataset, evaluate, open_dataset
from zoo_evaluation.datasets import ClassSample, DatasetError
from zoo_evaluation.tasks.classification import places_of


def dataset_of(*categories, labels=(), **facts):
    samples = tuple(
        ClassSample(name=str(place), paths=(), label=label) for place, label in enumerate(labels)
    )  # nothing is read
    return Dataset(layout="list", root="data", samples=samples, categories=categories or None, **facts)


def test_a_class_is_found_by_its_name_however_that_is_written():
    assert places_of(dataset_of("Hot_Dog", "cat"), ["cat", "dog", "hot dog"]) == (2, 0)


def test_a_class_that_the_model_does_not_know_is_refused_with_both_names(tmp_path):
    root = write_images(tmp_path / "images", ["ant", "unicorn"])
    with pytest.raises(DatasetError, match=r"1 of 2 classes that the model does not know: unicorn.* called ant, bee"):
        evaluate(ReadingPredictor(), root, task="classification", output=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_name_of_two_classes_is_refused_and_can_be_told_apart():
    categories = ("tench", "crane", "goldfish", "crane")
    with pytest.raises(DatasetError, match=r"a class 'crane', as 2 .* name it 'crane \(1\)' or 'crane \(3\)'"):
        places_of(dataset_of("crane", "tench"), categories)
    assert places_of(dataset_of("crane (3)", "tench"), categories) == (3, 0)
    assert places_of(dataset_of(*categories), categories) == (0, 1, 2, 3)


def test_classes_of_one_name_keep_their_own_numbers():
    from zoo_evaluation.protocols import get_protocol
    from zoo_evaluation.tasks.classification import ClassificationEvaluation

    evaluation = ClassificationEvaluation(
        dataset_of(labels=[0, 2]), get_protocol("images"), ["crane", "tench", "crane"]
    )
    measures = evaluation.measure([{"top": [0]}, {"top": [1]}], None)
    assert measures.per_class == {"crane (0)": {"acc@1": 100, "count": 1}, "crane (2)": {"acc@1": 0, "count": 1}}


def test_labels_without_names_that_count_from_one_are_refused():
    with pytest.raises(DatasetError, match=r"1 labels that are none .* 0 to 2: the first is 3, .* count from 1"):
        places_of(dataset_of(labels=[1, 2, 3]), ["a", "b", "c"])
    with pytest.raises(DatasetError, match=r"the first is 7, of 1\.$"):
        places_of(dataset_of(labels=[0, 7]), ["a", "b", "c"])


def test_a_class_without_images_is_told(tmp_path):
    root = write_images(tmp_path / "images")
    for path in (root / "bee").iterdir():
        path.unlink()
    assert open_dataset(root).notes == ("1 classes have no images: bee.",)
