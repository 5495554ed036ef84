"""Detectors are trained on objects, saved, and found by name again."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from detection.small_detectors import KINDS, detector, images, targets
from zoo_core import Weights, WeightsEnum, get_model, get_model_weights
from zoo_core.cli import main
from zoo_detection.coco_format import RunLengths
from zoo_evaluation import Dataset
from zoo_evaluation.datasets import DatasetError, ObjectsSample
from zoo_training import Recipe, train
from zoo_training.tasks._objects import scene_of
from zoo_training.tasks.detection import DetectionTraining, KeypointTraining, MaskTraining

QUICK = Recipe(epochs=1, batch_size=3, lr=1e-3, ema_decay=0.0, scale_jitter=0.25, arguments={"size": 64})
STILL = Recipe(flip=0.0, color=0.0, scale_jitter=0.0)
SQUARE = [10.0, 10.0, 30.0, 10.0, 30.0, 30.0, 10.0, 30.0]
Change = Callable[..., dict[str, Any]]


class SomeWeights(WeightsEnum):
    V1 = Weights("", torch.nn.Identity, {})


def one(**changes: Any) -> dict[str, Any]:
    """Return a square object."""
    box = {"bbox": [10.0, 10.0, 20.0, 20.0], "area": 400.0, "iscrowd": 0, "segmentation": [SQUARE]}
    return {"id": 1, "category_id": 7, "keypoints": [10, 10, 2, 30, 10, 2], **box, **changes}


def sample_of(*objects: dict[str, Any], name: str = "a.png", root: Path | None = None) -> ObjectsSample:
    path = Path(name) if root is None else root / name
    if root is not None:
        Image.fromarray(np.zeros((40, 60, 3), dtype=np.uint8)).save(path)
    return ObjectsSample(name=name, paths=(path,), image_id=1, height=40, width=60, objects=objects)


def dataset_of(*samples: ObjectsSample, **changes: Any) -> Dataset[ObjectsSample]:
    facts: dict[str, Any] = {"categories": ("cat", "dog"), "category_ids": (3, 7), **changes}
    return Dataset(layout="coco", root=Path("data"), samples=samples, **facts)


def scene(*objects: dict[str, Any], **options: Any) -> Any:
    return scene_of(sample_of(*objects), torch.zeros(3, 40, 60, dtype=torch.uint8), {3: 1, 7: 2}, **options)


def test_a_trained_mask_rcnn_is_found_by_name_and_measured_as_in_training(shapes_models, shapes, tmp_path):
    run = train("maskrcnn_shapes", shapes, QUICK, output=tmp_path / "run", weights=None, workers=0)
    assert {"box_map", "mask_map"} <= set(run.metrics)
    weights = get_model_weights(run.name)["DEFAULT"]
    assert weights.meta["categories"] == ["__background__", "disc", "square", "triangle"]
    picture = next((shapes / "val").glob("*.png"))
    predicted = CliRunner().invoke(main, ["predict", str(picture), "--model", str(run.folder)])
    assert predicted.exit_code == 0, predicted.output
    measured = CliRunner().invoke(main, ["evaluate", str(run.folder), str(shapes), "--json"])
    assert measured.exit_code == 0, measured.output
    assert f'"value": {run.metrics["box_map"]}'[:20] in measured.stdout


def test_a_trained_keypoint_rcnn_knows_how_many_points_there_are_and_what_they_are_called(
    shapes_models, shapes, tmp_path
):
    run = train("keypointrcnn_shapes", shapes, QUICK, output=tmp_path / "run", weights=None, workers=0)
    assert {"box_map", "kp_map"} <= set(run.metrics)
    assert get_model_weights(run.name)["DEFAULT"].meta["keypoint_names"] == ["top", "left_end", "right_end"]
    model = get_model(run.name).eval()
    assert all(found["keypoints"].shape[1:] == (3, 3) for found in model([torch.rand(3, 64, 64)]))


def test_a_saved_model_is_trained_on_with_its_masks(shapes_models, shapes, tmp_path):
    first = train("maskrcnn_shapes", shapes, QUICK, output=tmp_path / "first", weights=None, workers=0)
    again = train(first.name, shapes, QUICK.but(lr=1e-9, arguments={}), output=tmp_path / "again", workers=0)
    assert "mask_map" in again.metrics
    before, after = first.model().state_dict(), again.model().state_dict()
    name = "roi_heads.mask_predictor.mask_fcn_logits.weight"
    assert torch.allclose(before[name], after[name], atol=1e-6)


def test_a_run_that_was_stopped_goes_on_with_the_same_weights(shapes_models, shapes, tmp_path):
    def stop(row: Any) -> None:
        raise KeyboardInterrupt

    recipe = QUICK.but(epochs=2)
    whole = train("fasterrcnn_shapes", shapes, recipe, output=tmp_path / "whole", weights=None, workers=0)
    with pytest.raises(KeyboardInterrupt):
        train("fasterrcnn_shapes", shapes, recipe, output=tmp_path / "run", weights=None, workers=0, report=stop)
    run = train("fasterrcnn_shapes", shapes, recipe, output=tmp_path / "run", weights=None, workers=0, resume=True)
    expected, found = whole.model().state_dict(), run.model().state_dict()
    assert all(torch.equal(expected[name], found[name]) for name in expected)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("FasterRCNN", DetectionTraining), ("SSD", DetectionTraining), ("RetinaNet", DetectionTraining),
     ("MaskRCNN", MaskTraining), ("KeypointRCNN", KeypointTraining)],
)  # fmt: skip
def test_what_is_learnt_is_what_the_network_has(kind: str, expected: type):
    assert DetectionTraining.of_network(detector(kind)) is expected


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("kind", KINDS)
def test_losses_are_numbers_with_and_without_objects(kind: str, precision: str):
    model = detector(kind).train()
    nothing = {name: tensor[:0] for name, tensor in targets()[0].items()}
    empty = [nothing | {"masks": torch.zeros(0, *image.shape[1:])} for image in images()]
    for true in (targets(), [targets()[0], empty[1]], empty):
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            losses = model(images(), true)
        assert all(torch.isfinite(loss) for loss in losses.values()), losses
        torch.stack([loss.float() for loss in losses.values()]).sum().backward()
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


def test_people_without_marked_keypoints_give_a_loss_that_is_a_number():
    model = detector("KeypointRCNN").train()
    hidden = [target | {"keypoints": torch.zeros_like(target["keypoints"])} for target in targets()]
    assert all(torch.isfinite(loss) for loss in model(images(), hidden).values())


def test_labels_count_from_one_whatever_the_ids_of_categories():
    assert scene(one(), one(category_id=3)).labels.tolist() == [2, 1]


def test_crowds_are_not_trained_on():
    assert scene(one(iscrowd=1), one(category_id=3)).labels.tolist() == [1]


def test_boxes_are_cut_at_the_image_and_left_out_where_nothing_remains():
    found = scene(one(bbox=[-5, -5, 15, 15]), one(bbox=[60, 0, 9, 9]), one(bbox=[5, 5, 0, 9]))
    assert found.boxes.tolist() == [[0, 0, 10, 10]]


def test_masks_of_polygons_and_of_run_lengths_are_the_same():
    pixels = torch.zeros(40, 60)
    pixels[10:30, 10:30] = 1
    packed = RunLengths.of_mask(pixels)
    plain = {"size": [40, 60], "counts": list(packed.counts)}
    masks = scene(one(), one(segmentation=packed.to_dict()), one(segmentation=plain), masks=True).masks
    assert all(torch.equal(mask.float(), pixels) for mask in masks)


def test_objects_whose_outlines_have_no_pixel_are_left_out():
    assert len(scene(one(segmentation=[[1.0, 1.0, 1.1, 1.0, 1.1, 1.1]]), masks=True).boxes) == 0


def test_objects_without_keypoints_have_some_that_are_not_there():
    assert scene(one(), one(keypoints=None), num_keypoints=2).keypoints[:, :, 2].tolist() == [[2, 2], [0, 0]]


def test_annotations_for_another_size_are_refused(tmp_path):
    sample = replace(sample_of(one(), root=tmp_path), height=41)
    training = DetectionTraining(dataset_of(sample), STILL, SomeWeights.V1)
    with pytest.raises(DatasetError, match="60 x 41 pixels, and the image has 60 x 40"):
        training.example(sample, torch.Generator())


def test_the_same_chance_gives_the_same_example_in_another_process(tmp_path):
    training = MaskTraining(dataset_of(sample_of(one(), root=tmp_path)), QUICK, SomeWeights.V1)
    other = pickle.loads(pickle.dumps(training))  # our own
    sample = training.dataset[0]
    for each in range(3):
        (image, target), (same, also) = (
            which.example(sample, torch.Generator().manual_seed(each)) for which in (training, other)
        )
        assert torch.equal(image, same)
        assert all(torch.equal(target[name], also[name]) for name in target)


def test_large_scale_jitter_is_a_recipe(tmp_path):
    large = STILL.but(scale_jitter=1.0, least_scale=0.1)
    training = DetectionTraining(dataset_of(sample_of(one(), root=tmp_path)), large, SomeWeights.V1)
    sides = []
    for seed in range(40):
        _, target = training.example(training.dataset[0], torch.Generator().manual_seed(seed))
        sides += [float(box[2] - box[0]) for box in target["boxes"]]
    assert min(sides) < 8
    assert max(sides) > 30


def test_images_are_not_mirrored_where_left_and_right_are_not_known(tmp_path):
    sample = sample_of(one(), root=tmp_path)
    mirrored = STILL.but(flip=1.0)
    still, swapped = [10.0, 30.0], [30.0, 50.0]
    for names, expected in (
        ((), still),
        (("nose", "tail"), still),
        (("l_ear", "tail"), still),
        (("left_ear", "right_ear"), swapped),
        (("L_Ear", "R_Ear"), swapped),
    ):
        training = KeypointTraining(dataset_of(sample, keypoint_names=names), mirrored, SomeWeights.V1)
        _, target = training.example(sample, torch.Generator())
        assert target["keypoints"][0, :, 0].tolist() == expected


def test_people_alone_are_trained_on_where_only_they_have_keypoints():
    person, dog = one(category_id=3), one(category_id=7, keypoints=None)
    dataset = dataset_of(sample_of(person, dog))
    train_set, held_out = KeypointTraining.selected(dataset, dataset)
    assert train_set.categories == held_out.categories == ("cat",)
    assert [each["category_id"] for each in held_out[0].objects] == [3]


def check(kind: type[DetectionTraining], *objects: dict[str, Any], **changes: Any) -> list[str]:
    dataset = dataset_of(sample_of(*objects), **changes)
    return kind.check(dataset, dataset_of(sample_of(one()), **changes))


def test_boxes_outside_are_told_with_the_image():
    notes = check(DetectionTraining, one(), one(), one(bbox=[50, 10, 20, 20]))
    assert "1 boxes reach beyond their images, and are cut there: in a.png." in notes


def test_boxes_that_are_corners_are_refused():
    with pytest.raises(DatasetError, match=r"1 of 1 boxes reach beyond their images, in a\.png.*are they corners"):
        check(DetectionTraining, one(bbox=[30, 20, 50, 35]))


def test_empty_boxes_are_told_with_the_image():
    notes = check(DetectionTraining, one(), one(bbox=[5, 5, 0, 3]))
    assert "1 boxes have less than a pixel inside their images, and are left out: in a.png." in notes


def test_classes_without_objects_are_told():
    assert "There are no objects to train on of cat." in check(DetectionTraining, one())


def test_nothing_to_learn_is_refused():
    with pytest.raises(DatasetError, match="no objects in the 1 images that are trained on"):
        check(DetectionTraining, one(iscrowd=1))


def test_nothing_to_measure_with_is_refused():
    with pytest.raises(DatasetError, match="no objects in the 1 images that are measured with"):
        DetectionTraining.check(dataset_of(sample_of(one())), dataset_of(sample_of()))


def test_images_without_objects_are_counted():
    train_set = dataset_of(sample_of(one()), sample_of(name="b.png"))
    notes = DetectionTraining.check(train_set, dataset_of(sample_of(one())))
    assert "1 images without objects are trained on, too." in notes


@pytest.mark.parametrize("outline", [None, [], [[1.0, 1.0]]])
def test_missing_masks_are_refused_with_the_image(outline: object):
    assert check(DetectionTraining, one(segmentation=outline))
    with pytest.raises(DatasetError, match=r"1 objects have no outline .* in a.png"):
        check(MaskTraining, one(), one(segmentation=outline))


@pytest.mark.parametrize("outline", [None, [], [[1.0, 1.0]]])
@pytest.mark.parametrize("changes", [{}, {"iscrowd": 1}, {"bbox": [5.0, 5.0, 0.0, 3.0]}])
def test_masks_that_are_missing_to_measure_with_are_refused_with_the_image(outline: object, changes: dict[str, Any]):
    train_set = dataset_of(sample_of(one()))
    held_out = dataset_of(sample_of(one(), one(segmentation=outline, **changes), name="b.png"))
    DetectionTraining.check(train_set, held_out)
    with pytest.raises(DatasetError, match=r"1 objects have no outline to measure masks with .* in b\.png"):
        MaskTraining.check(train_set, held_out)


def test_missing_keypoints_are_refused():
    for points in (None, [], [0, 0, 0, 0, 0, 0]):
        with pytest.raises(DatasetError, match="no keypoints to learn"):
            check(KeypointTraining, one(keypoints=points))


def test_objects_with_different_numbers_of_keypoints_are_refused():
    with pytest.raises(DatasetError, match="with 1, 2 keypoints"):
        check(KeypointTraining, one(), one(keypoints=[1, 1, 2]))


def test_keypoints_without_names_are_told():
    told = "The keypoints have no names that tell left from right: images are not mirrored."
    assert told in check(KeypointTraining, one())
    assert told in check(KeypointTraining, one(), keypoint_names=("nose", "tail"))
    for names in (("left_ear", "right_ear"), ("LEar", "REar")):
        assert not any("mirrored" in note for note in check(KeypointTraining, one(), keypoint_names=names))


def test_keypoints_on_one_side_alone_are_told():
    told = "The keypoints have a side and no partner on the other one (l_ear): images are not mirrored."
    assert told in check(KeypointTraining, one(), keypoint_names=("l_ear", "tail"))


def test_the_usual_recipe_has_enough_steps_for_few_images():
    for samples in (2, 40, 10_000):
        recipe = DetectionTraining.usual_recipe(samples)
        assert recipe.epochs * (samples // recipe.batch_size) >= min(1000, 200 * samples // recipe.batch_size)
