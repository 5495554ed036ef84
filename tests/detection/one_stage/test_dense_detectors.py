"""What one-stage detectors have in common: targets in, losses out; images in, detections out."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from zoo_detection import (
    FCOS,
    SSD,
    AnchorGenerator,
    DefaultBoxGenerator,
    RetinaNet,
    RetinaNetHead,
    retinanet_resnet50_fpn_v2,
)
from zoo_detection.boxes.anchors import by_anchor
from zoo_detection.inputs.image_list import ImageList
from zoo_detection.one_stage.candidates import (
    Candidates,
    Limits,
    above,
    best_of_classes,
    best_of_level,
    detections_of,
    detections_of_classes,
    joined,
)

NUM_CLASSES = 4


class TwoLevels(nn.Sequential):
    """A backbone of strides 8 and 16."""

    out_channels = 32

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(3, 32, 8, 8), nn.Conv2d(32, 32, 2, 2))

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        fine = self[0](images)
        return {"fine": fine, "coarse": self[1](fine)}


def retinanet(**kwargs: Any) -> RetinaNet:
    anchors = AnchorGenerator(((16, 24), (32, 48)), ((0.5, 1.0, 2.0),) * 2)
    arguments = {"backbone": TwoLevels(), "min_size": 64, "anchor_generator": anchors, "score_thresh": 0.0, **kwargs}
    return RetinaNet(num_classes=NUM_CLASSES, **arguments)


def fcos(**kwargs: Any) -> FCOS:
    anchors = AnchorGenerator(((8,), (16,)), ((1.0,),) * 2)
    arguments = {"backbone": TwoLevels(), "min_size": 64, "anchor_generator": anchors, "score_thresh": 0.0, **kwargs}
    return FCOS(num_classes=NUM_CLASSES, **arguments)


def ssd(**kwargs: Any) -> SSD:
    arguments = {"backbone": TwoLevels(), "anchor_generator": DefaultBoxGenerator([[2], [2]]), "size": (64, 48)}
    return SSD(num_classes=NUM_CLASSES, **{**arguments, **kwargs})


DETECTORS = pytest.mark.parametrize("detector", [retinanet, fcos, ssd])


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def images() -> list[Tensor]:
    return [torch.rand(3, 60, 80), torch.rand(3, 90, 64)]


def targets() -> list[dict[str, Tensor]]:
    return [
        {"boxes": torch.tensor([[5.0, 5, 30, 40], [40, 20, 75, 55]]), "labels": torch.tensor([1, 3])},
        {"boxes": torch.tensor([[10.0, 30, 40, 60]]), "labels": torch.tensor([2])},
    ]


def without_objects() -> dict[str, Tensor]:
    return {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}


def test_head_for_other_anchors_is_an_error_that_names_both() -> None:
    model = retinanet(head=RetinaNetHead(32, 3, NUM_CLASSES)).eval()
    with pytest.raises(ValueError, match=r"predicts for 360 anchors .* generator makes 720.*num_anchors_per_location"):
        model([torch.rand(3, 64, 96)])


def test_second_retinanet_has_a_head_for_the_anchors_that_are_given() -> None:
    generator = AnchorGenerator(((32,), (64,), (128,), (256,), (512,)), ((0.5, 1.0),) * 5)
    with torch.device("meta"):
        model = retinanet_resnet50_fpn_v2(anchor_generator=generator, num_classes=2)
    assert model.head.classification_head.num_anchors == 2
    assert isinstance(model.head.regression_head.conv[0][1], nn.GroupNorm)


def spread(model: nn.Module) -> nn.Module:
    """Give a small detector scores that differ by more than rounding, which those of a new one do not."""
    torch.manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    return model


@DETECTORS
def test_coordinates_are_precise_in_half_precision(detector: Any) -> None:
    """bfloat16 holds integers to 256 only."""
    model = detector(score_thresh=0.0).eval()
    batch = ImageList(torch.zeros(1, 3, 800, 1333), [(800, 1333)])
    levels = [torch.zeros(1, 1, 100, 167), torch.zeros(1, 1, 50, 84)]
    (precise,) = model.anchor_generator(batch, levels)
    (found,) = model.anchor_generator(batch, [level.bfloat16() for level in levels])
    assert torch.equal(found, precise)
    losses = model.bfloat16().train()([image.bfloat16() for image in images()], targets())
    assert all(loss.isfinite() for loss in losses.values())
    with torch.inference_mode():
        boxes = model.eval()([image.bfloat16() for image in images()])[0]["boxes"]
    assert boxes.dtype == torch.float32


# Training


@DETECTORS
def test_losses_train_every_parameter(detector: Any) -> None:
    model = detector()
    losses = model(images(), targets())
    total = sum(losses.values())
    total.backward()
    assert total.isfinite()
    assert all(parameter.grad is not None for parameter in model.parameters())


@DETECTORS
def test_a_few_steps_lower_the_losses(detector: Any) -> None:
    model = detector()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    batch = images()
    totals = []
    for _ in range(15):
        optimizer.zero_grad()
        total = sum(model(batch, targets()).values())
        total.backward()
        optimizer.step()
        totals.append(total.item())
    assert totals[-1] < 0.8 * totals[0]


@DETECTORS
def test_images_without_objects_train_the_background_alone(detector: Any) -> None:
    losses = detector()(images(), [without_objects()] * 2)
    assert all(loss.isfinite() for loss in losses.values())
    zero = [name for name, loss in losses.items() if loss == 0]
    # SSD mines so many times as many negatives as it has positives.
    assert zero == (list(losses) if detector is ssd else [name for name in losses if name != "classification"])


@DETECTORS
def test_images_without_objects_stand_beside_others(detector: Any) -> None:
    losses = detector()(images(), [targets()[0], without_objects()])
    assert all(loss.isfinite() and loss > 0 for loss in losses.values())


@DETECTORS
def test_targets_are_left_untouched(detector: Any) -> None:
    given = targets()
    detector()(images(), given)
    for target, untouched in zip(given, targets(), strict=True):
        assert all(torch.equal(target[name], untouched[name]) for name in untouched)


@DETECTORS
def test_a_bad_box_is_refused_with_its_image_and_row(detector: Any) -> None:
    bad = targets()
    bad[0]["boxes"][1, 2] = 40
    with pytest.raises(ValueError, match=r"invalid box \[40.0, 20.0, 40.0, 55.0\] at row 1 for target at index 0"):
        detector()(images(), bad)


@DETECTORS
def test_training_without_targets_is_refused(detector: Any) -> None:
    with pytest.raises(AssertionError, match="targets should not be none when in training mode"):
        detector()(images())


@pytest.mark.parametrize(("detector", "least"), [(retinanet, 0), (fcos, 0), (ssd, 1)])
def test_labels_are_classes_of_the_head(detector: Any, least: int) -> None:
    for label in (least - 1, NUM_CLASSES):
        bad = targets()
        bad[1]["labels"][0] = label
        with pytest.raises(IndexError, match=f"from {least} to 3.*found {label} for the box at row 0 .* index 1"):
            detector()(images(), bad)


# Detection


@DETECTORS
def test_detections_are_boxes_in_the_image_the_best_first(detector: Any) -> None:
    model = detector(detections_per_img=7).eval()
    with torch.inference_mode():
        found = model(images())
    for detections, image in zip(found, images(), strict=True):
        boxes, scores, labels = (detections[name] for name in ("boxes", "scores", "labels"))
        assert (boxes.shape, scores.shape, labels.shape, labels.dtype) == ((7, 4), (7,), (7,), torch.int64)
        assert (boxes >= 0).all()
        limits = torch.tensor([image.shape[2], image.shape[1]] * 2)
        assert (boxes <= limits + 1e-3).all()
        assert torch.equal(scores, scores.sort(descending=True).values)
        assert ((labels >= model.least_label) & (labels < NUM_CLASSES)).all()


@DETECTORS
def test_an_image_alone_gives_what_it_gives_in_a_batch_of_its_size(detector: Any) -> None:
    model = spread(detector()).eval()
    batch = [torch.rand(3, 64, 64), torch.rand(3, 64, 64)]
    with torch.inference_mode():
        together, alone = model(batch)[1], model(batch[1:])[0]
    assert torch.allclose(together["boxes"], alone["boxes"], atol=1e-4)
    assert torch.equal(together["labels"], alone["labels"])


@DETECTORS
def test_nothing_found_is_empty_tensors(detector: Any) -> None:
    model = detector(score_thresh=1.0).eval()
    for found in model(images()):
        shapes = {name: tuple(tensor.shape) for name, tensor in found.items()}
        assert shapes == {"boxes": (0, 4), "scores": (0,), "labels": (0,)}


@DETECTORS
def test_thresholds_may_be_changed_later(detector: Any) -> None:
    model, image = detector().eval(), torch.rand(3, 60, 80)
    with torch.inference_mode():
        (found,) = model([image])
        model.score_thresh = float(found["scores"][2])
        (fewer,) = model([image])
    assert len(found["scores"]) > 3
    assert torch.equal(fewer["scores"], found["scores"][found["scores"] > found["scores"][2]])


@pytest.mark.parametrize("detector", [RetinaNet, FCOS])
def test_a_backbone_has_to_tell_its_channels(detector: Any) -> None:
    with pytest.raises(ValueError, match=r"attribute out_channels .*: found None in ReLU"):
        detector(nn.ReLU(), NUM_CLASSES)


@pytest.mark.parametrize("detector", [RetinaNet, FCOS])
def test_an_anchor_generator_of_another_kind_is_refused(detector: Any) -> None:
    with pytest.raises(TypeError, match=r"AnchorGenerator or None instead of .*DefaultBoxGenerator"):
        detector(TwoLevels(), NUM_CLASSES, anchor_generator=DefaultBoxGenerator([[2]]))


@DETECTORS
def test_a_backbone_may_return_one_tensor(detector: Any) -> None:
    one: dict[str, Any] = {"backbone": nn.Conv2d(3, 32, 8, 8)}
    if detector is ssd:
        one["anchor_generator"] = DefaultBoxGenerator([[2]])
    else:
        one["anchor_generator"] = AnchorGenerator(((16,),), ((1.0,),))
    losses = detector(**one)(images(), targets())
    assert all(loss.isfinite() for loss in losses.values())


# The steps of choosing


def test_predictions_are_arranged_row_by_row_then_by_anchor() -> None:
    maps = torch.arange(2 * 6 * 2 * 3).reshape(2, 6, 2, 3)
    rows = by_anchor(maps, columns=3)
    assert rows.shape == (2, 12, 3)
    expected = [maps[1, anchor * 3 : anchor * 3 + 3, y, x] for y in range(2) for x in range(3) for anchor in range(2)]
    assert torch.equal(rows[1], torch.stack(expected))


def limits(**changes: Any) -> Limits:
    return Limits(**{"score_thresh": 0.3, "nms_thresh": 0.5, "detections_per_img": 10, "topk_candidates": 5, **changes})


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.999, 0.9999, 1.0])
def test_the_best_of_a_level_are_those_of_all_its_scores(threshold: float) -> None:
    logits = torch.randn(50, 7) * 3
    best = best_of_level(logits, threshold, limits(), lambda logits, _: logits.sigmoid())
    found, (rows,) = above(best, [logits[best.anchors]], threshold)
    assert torch.equal(rows, logits[found.anchors])
    scores = logits.sigmoid().flatten()
    expected = sorted((float(s), i // 7, i % 7) for i, s in enumerate(scores) if s > threshold)[::-1][:5]
    assert list(zip(*(column.tolist() for column in found), strict=True)) == expected


def test_levels_are_joined_with_what_there_is_for_their_anchors() -> None:
    level = Candidates(torch.tensor([0.5]), torch.tensor([2]), torch.tensor([1]))
    columns = torch.arange(10), torch.arange(10, 14)
    together, (chosen,) = joined([level, level], columns)
    assert together.labels.tolist() == [1, 1]
    assert chosen.tolist() == [2, 12]


@pytest.mark.parametrize("topk", [5, 1000])
def test_the_best_of_classes_are_found_in_each_class(topk: int) -> None:
    probabilities = torch.rand(60, 4)
    found = best_of_classes(probabilities, limits(topk_candidates=topk))
    expected = set()
    for label in (1, 2, 3):
        ranked = sorted(((float(p), i) for i, p in enumerate(probabilities[:, label]) if p > 0.3), reverse=True)
        expected |= {(score, anchor, label) for score, anchor in ranked[:topk]}
    assert set(zip(*(column.tolist() for column in found), strict=True)) == expected


def boxes_of(number: int) -> Tensor:
    corners = torch.rand(number, 2) * 80
    return torch.cat((corners, corners + 5 + torch.rand(number, 2) * 30), dim=1)


@pytest.mark.parametrize("topk", [5, 30, 1000])
def test_detections_of_classes_are_the_same_when_recorded(topk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    probabilities, boxes = torch.rand(60, 4), boxes_of(60)
    chosen = limits(topk_candidates=topk, detections_per_img=25)
    expected = detections_of_classes(probabilities, boxes, (90, 90), chosen)
    monkeypatch.setattr("zoo_detection.one_stage.candidates.is_tracing", lambda: True)
    found = detections_of_classes(probabilities, boxes, (90, 90), chosen)
    assert len(found["scores"]) > 8
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_a_box_goes_if_a_better_one_of_its_class_covers_it() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 9], [20, 20, 40, 60]])
    best = Candidates(torch.tensor([0.6, 0.9, 0.5, 0.7]), torch.arange(4), torch.tensor([1, 1, 2, 1]))
    found = detections_of(best, boxes, (50, 30), limits())
    assert found["scores"].tolist() == pytest.approx([0.9, 0.7, 0.5])
    assert found["labels"].tolist() == [1, 1, 2]
    assert found["boxes"][1].tolist() == [20, 20, 30, 50]
