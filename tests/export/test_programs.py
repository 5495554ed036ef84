"""Programs of all tasks: what goes in and out, that it is what predictors give, and that any size can be recorded."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from zoo_core import get_task
from zoo_core.names import load_reference
from zoo_export import Program
from zoo_export._facts import ExportError
from zoo_export._precision import Narrow
from zoo_export._recording import record
from zoo_export.certificate._cases import cases
from zoo_export.programs._objects import difference_of_objects
from zoo_export.programs.classification import ClassificationProgram
from zoo_export.programs.detection import DetectionProgram

from .tiny import TINY, TinyWeights, classifier, mask_rcnn, needs_new_torch, program_of

DETECTORS = ["retinanet", "fcos", "ssd", "maskrcnn", "keypointrcnn"]
NAMES = [pytest.param(name, marks=needs_new_torch if name in DETECTORS else ()) for name in TINY]
SIZES = ((64, 64), (48, 100), (97, 61))


def pictures(batch: int, height: int, width: int) -> Tensor:
    torch.manual_seed(height)
    return torch.randint(0, 256, (batch, height, width, 3), dtype=torch.uint8)


def shaped_as(tensors: tuple[Tensor, ...], facts: Any, lengths: dict[str, int]) -> bool:
    """Tell whether tensors are what facts say; axes that have one name have one length."""
    for tensor, fact in zip(tensors, facts, strict=True):
        if str(tensor.dtype).removeprefix("torch.") != fact.dtype or tensor.ndim != len(fact.axes):
            return False
        for axis, length in zip(fact.axes, tensor.shape, strict=True):
            if length != (lengths.setdefault(axis, length) if isinstance(axis, str) else axis):
                return False
    return True


@pytest.mark.parametrize("raw", [False, True], ids=["whole", "raw"])
@pytest.mark.parametrize("name", NAMES)
def test_inputs_and_outputs_are_what_facts_say(name: str, *, raw: bool) -> None:
    program = program_of(name, raw=raw)
    lengths: dict[str, int] = {}
    inputs = program.from_pictures(pictures(2, 66, 90))
    with torch.inference_mode():
        outputs = program(*inputs)
    assert shaped_as(inputs, program.inputs, lengths)
    assert shaped_as(outputs, program.outputs, lengths)
    assert len({fact.name for fact in (*program.inputs, *program.outputs)}) == len(inputs) + len(outputs)


@pytest.mark.parametrize("name", NAMES)
def test_programs_give_what_predictors_give(name: str) -> None:
    program = program_of(name)
    for height, width in SIZES:
        inputs = program.from_pictures(pictures(2, height, width))
        with torch.inference_mode():
            difference, agrees = program.compare(program(*inputs), program.reference(inputs))
        assert agrees
        assert difference <= program.tolerance


@pytest.mark.slow
@pytest.mark.parametrize("raw", [False, True], ids=["whole", "raw"])
@pytest.mark.parametrize("name", NAMES)
def test_recorded_programs_agree_for_all_cases(name: str, *, raw: bool) -> None:
    program = program_of(name, raw=raw)
    recorded = record(program).module()
    number = 0
    for what, inputs in cases(program):
        with torch.inference_mode():
            difference, agrees = program.compare(recorded(*inputs), program.reference(inputs))
        assert agrees, what
        assert difference <= program.tolerance, what
        number += 1
    assert number >= 16


def test_every_task_names_its_program() -> None:
    for task in ("classification", "segmentation", "detection", "video", "optical_flow"):
        reference = get_task(task).export
        assert reference is not None
        assert issubclass(load_reference(reference), Program)


# Options


@needs_new_torch
def test_masks_are_given_inside_boxes() -> None:
    program, whole = program_of("maskrcnn", masks="boxes"), program_of("maskrcnn", raw=True)
    (picture,) = program.from_pictures(pictures(1, 66, 90))
    with torch.inference_mode():
        found = program.named(program(picture))
        expected = whole.named(whole(picture.permute(2, 0, 1) / 255))
    assert torch.equal(found["boxes"], expected["boxes"])
    assert found["masks"].shape[1:] == (10, 10)
    assert 0 <= found["masks"].min() <= found["masks"].max() <= 1


@needs_new_torch
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_masks_are_given_inside_boxes_in_half_precision(dtype: torch.dtype) -> None:
    kind, _, weights = TINY["maskrcnn"]
    model = program_of("maskrcnn").model
    narrow = kind(Narrow(model, dtype).eval(), weights, masks="boxes")
    whole = kind(Narrow(model, dtype).eval(), weights)
    (picture,) = whole.from_pictures(pictures(1, 66, 90))
    with torch.inference_mode():
        found, expected = narrow.named(narrow(picture)), whole.named(whole(picture))
    assert found["masks"].dtype == found["boxes"].dtype == torch.float32
    assert found["masks"].shape[1:] == (10, 10)
    assert torch.equal(found["boxes"], expected["boxes"])


@needs_new_torch
def test_masks_in_boxes_are_refused_of_a_network_without_masks() -> None:
    with pytest.raises(ValueError, match=r"masks='boxes' would do nothing: .* is of a network without masks"):
        program_of("ssd", masks="boxes")


@needs_new_torch
def test_objects_below_a_score_are_left_out() -> None:
    everything = program_of("ssd")
    (picture,) = everything.from_pictures(pictures(1, 66, 90))
    with torch.inference_mode():
        scores = everything.named(everything(picture))["scores"]
        middle = scores[len(scores) // 2].item()
        program = program_of("ssd", min_score=middle)
        assert torch.equal(program.named(program(picture))["scores"], scores[scores >= middle])


def test_labels_can_be_given_at_the_size_of_the_input() -> None:
    program = program_of("segmentation", labels_at="input")
    inputs = program.from_pictures(pictures(2, 60, 90))
    assert program(*inputs)[0].shape == (2, 40, 60)
    assert torch.equal(program(*inputs)[0], program.reference(inputs)[0])


def test_rows_of_flow_are_padded_below_if_asked() -> None:
    inputs = program_of("flow").from_pictures(pictures(1, 61, 75))
    below, around = program_of("flow", padding="kitti"), program_of("flow")
    with torch.inference_mode():
        assert below.compare(below(*inputs), below.reference(inputs))[1]
        assert below.compare(around(*inputs), below.reference(inputs))[0] > 1e-3


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("segmentation", {"labels_at": "picture"}),
        ("video", {"num_frames": 1}),
        ("flow", {"padding": "zeros"}),
        ("flow", {"num_flow_updates": 0}),
        ("ssd", {"masks": "logits"}),
        ("ssd", {"min_score": 2.0}),
    ],
)
def test_options_out_of_range_are_refused(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        program_of(name, **options)


@needs_new_torch
def test_networks_in_half_precision_keep_their_options_and_outputs() -> None:
    class Told(nn.Module):
        def forward(self, values: Tensor, *, twice: bool = False) -> Tensor:
            return values * (2 if twice else 1)

    assert torch.equal(Narrow(Told(), torch.bfloat16)(torch.ones(3), twice=True), torch.full((3,), 2.0))
    names = [fact.name for fact in DetectionProgram(Narrow(mask_rcnn(), torch.bfloat16), TinyWeights.DETECTION).outputs]
    assert names == ["boxes", "scores", "labels", "masks"]


@pytest.mark.parametrize(
    ("name", "told"), [("segmentation", "labels_at"), ("video", "num_frames"), ("flow", "padding")]
)
def test_options_are_named_and_others_refused(name: str, told: str) -> None:
    kind = TINY[name][0]
    kind.check_options("it", [told])
    with pytest.raises(ValueError, match=rf"it has the options .*{told}.* when it is exported, found rotated"):
        kind.check_options("it", [told, "rotated"])


@pytest.mark.parametrize(
    ("name", "told"), [("segmentation", "labels_at"), ("flow", "padding"), ("maskrcnn", "masks"), ("ssd", "min_score")]
)
def test_options_that_do_nothing_to_the_network_alone_are_refused(name: str, told: str) -> None:
    kind = TINY[name][0]
    with pytest.raises(ValueError, match=f"{told} would do nothing: the network of it alone is exported"):
        kind.check_options("it", [told], raw=True)


@pytest.mark.parametrize(("name", "told"), [("video", "num_frames"), ("flow", "num_flow_updates")])
def test_options_of_the_network_itself_are_taken_with_it_alone(name: str, told: str) -> None:
    TINY[name][0].check_options("it", [told], raw=True)


def test_other_preprocessing_is_refused() -> None:
    with pytest.raises(ExportError, match="SemanticSegmentation, and only ImageClassification"):
        ClassificationProgram(classifier(), TinyWeights.SEGMENTATION)


def test_an_older_torch_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "__version__", "2.12.1")
    ClassificationProgram.require()
    with pytest.raises(ExportError, match=r"PyTorch 2\.13 or newer, found 2\.12\.1"):
        DetectionProgram.require()


# What counts as the same


def objects(number: int) -> dict[str, Tensor]:
    torch.manual_seed(0)
    corners = torch.rand(number, 2) * 50
    boxes = torch.cat((corners, corners + 10), dim=1)
    return {"boxes": boxes, "scores": torch.rand(number), "labels": torch.arange(number) % 3}


def test_objects_are_the_same_in_any_order() -> None:
    expected = objects(20)
    found = {name: values.flip(0) for name, values in expected.items()}
    assert difference_of_objects(found, expected, 1e-3) == (0.0, True)


def test_the_difference_is_that_of_scores() -> None:
    expected = objects(20)
    difference, agrees = difference_of_objects(expected | {"scores": expected["scores"] + 5e-4}, expected, 1e-3)
    assert agrees
    assert difference == pytest.approx(5e-4, rel=0.01)


@pytest.mark.parametrize("change", ["labels", "boxes", "scores", "number", "nothing"])
def test_other_objects_are_not_the_same(change: str) -> None:
    expected = objects(20)
    found = {
        "labels": expected | {"labels": expected["labels"] + 1},
        "boxes": expected | {"boxes": expected["boxes"] + 2},
        "scores": expected | {"scores": expected["scores"] + 0.1},
        "number": {name: values[:15] for name, values in expected.items()},
        "nothing": objects(0),
    }[change]
    assert not difference_of_objects(found, expected, 1e-3)[1]
    assert not difference_of_objects(expected, found, 1e-3)[1]


def test_of_many_objects_of_one_score_any_will_do() -> None:
    scores = torch.tensor([0.9, 0.8, *[0.3] * 18])
    expected = objects(20) | {"scores": scores}
    others = torch.cat((torch.arange(2), torch.full((18,), 5)))
    found = expected | {"boxes": expected["boxes"][others]}
    assert difference_of_objects(found, expected, 1e-3)[1]
    moved = expected["boxes"].clone()
    moved[0] += 5
    assert not difference_of_objects(expected | {"boxes": moved}, expected, 1e-3)[1]


def test_of_many_objects_of_one_score_the_classes_count() -> None:
    expected = objects(20) | {"scores": torch.full((20,), 0.3)}
    others = expected | {"boxes": expected["boxes"].flip(0), "labels": torch.zeros(20, dtype=torch.int64)}
    assert not difference_of_objects(others, expected | {"labels": torch.ones(20, dtype=torch.int64)}, 1e-3)[1]


def test_what_more_objects_of_one_score_leave_no_room_for_does_not_count() -> None:
    scores = torch.tensor([0.9, *[0.3] * 5, 0.2, 0.1])
    expected = objects(8) | {"scores": scores, "labels": torch.ones(8, dtype=torch.int64)}
    chosen = torch.tensor([0, 1, 2, 3, 4, 5, 5, 6])
    more = {name: values[chosen] for name, values in expected.items()}
    assert difference_of_objects(more, expected, 1e-3)[1]
    without = torch.tensor([1, 2, 3, 4, 5, 5, 5, 6])
    assert not difference_of_objects({name: values[without] for name, values in expected.items()}, expected, 1e-3)[1]


def test_objects_that_are_given_twice_are_not_the_same() -> None:
    expected = objects(20)
    twice = {name: values.repeat_interleave(2, dim=0) for name, values in expected.items()}
    assert not difference_of_objects(twice, expected, 1e-3)[1]
    assert not difference_of_objects(expected, twice, 1e-3)[1]


def test_two_empty_sets_are_the_same() -> None:
    assert difference_of_objects(objects(0), objects(0), 1e-3) == (0.0, True)


@pytest.mark.parametrize("name", ["masks", "keypoints"])
def test_objects_of_another_form_are_not_the_same(name: str) -> None:
    form = {"masks": torch.rand(20, 30, 30), "keypoints": torch.rand(20, 5, 3) * 50}[name]
    expected = objects(20) | {name: form}
    assert difference_of_objects(expected, expected, 1e-3) == (0.0, True)
    assert not difference_of_objects(expected | {name: form.flip(0)}, expected, 1e-3)[1]


def test_pixels_of_another_class_are_counted() -> None:
    program = program_of("segmentation")
    expected = torch.zeros(1, 10, 10, dtype=torch.uint8)
    found = expected.clone()
    found[0, 0, :5] = 1
    assert program.compare([found], [expected]) == (0.05, False)
    assert program.compare([found], [expected], 0.1) == (0.05, True)
    assert program.compare([expected], [expected]) == (0.0, True)
    assert program.compare([expected[:, :5]], [expected]) == (float("inf"), False)


def test_flow_is_compared_in_pixels() -> None:
    program = program_of("flow")
    expected = torch.zeros(10, 10, 2)
    difference, agrees = program.compare([expected + 0.01], [expected])
    assert agrees
    assert difference == pytest.approx(0.01)
    assert program.compare([expected + 1], [expected]) == (1.0, False)
    assert program.compare([expected + 1], [expected], 2.0) == (1.0, True)


@needs_new_torch
def test_objects_are_the_same_whose_scores_differ_by_no_more_than_the_tolerance() -> None:
    program = program_of("ssd")
    expected = objects(20)
    found = expected | {"scores": expected["scores"] + 0.02}
    one, other = ([each[fact.name] for fact in program.outputs] for each in (found, expected))
    assert not program.compare(one, other)[1]
    difference, agrees = program.compare(one, other, 0.05)
    assert agrees
    assert difference == pytest.approx(0.02, abs=1e-6)


def test_of_two_objects_with_one_score_either_may_be_left() -> None:
    expected = objects(20)
    boxes = expected["boxes"].clone()
    boxes[:4] += 25
    found = expected | {"boxes": boxes}
    assert difference_of_objects(found, expected, 1e-3)[1]
    assert not difference_of_objects(found | {"scores": expected["scores"] + 1e-4}, expected, 1e-3)[1]
    assert not difference_of_objects(found | {"boxes": expected["boxes"] + 25}, expected, 1e-3)[1]
