"""Faster, Mask and Keypoint R-CNN beyond what the recorded layouts, outputs and losses show."""

import copy
from typing import Any

import pytest
import torch
from torch import nn

import zoo_detection
from reference.records import build_as
from zoo_classification import ResNet50_Weights, mobilenet_v2
from zoo_core import get_model, get_model_weights
from zoo_core.building import without_files
from zoo_detection import (
    AnchorGenerator,
    FasterRCNN,
    FastRCNNConvFCHead,
    FastRCNNPredictor,
    KeypointRCNN,
    KeypointRCNNHeads,
    MaskRCNN,
    MaskRCNNHeads,
    MaskRCNNPredictor,
    TargetError,
    resnet_fpn_backbone,
)
from zoo_detection.ops import FrozenBatchNorm2d, MultiScaleRoIAlign
from zoo_detection.two_stage.rpn import RPNHead

NETWORKS = pytest.mark.parametrize("network", [FasterRCNN, MaskRCNN, KeypointRCNN])
EACH_SIZE = [torch.rand(3, 70, 90), torch.rand(3, 64, 60)]


def small(network: type[FasterRCNN], num_classes: int | None = 3, **kwargs: Any) -> FasterRCNN:
    """Build a network that is quick to run: one feature map, few layers and detections."""
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Conv2d(3, 16, 8, stride=8), nn.ReLU())
    backbone.out_channels = 16  # type: ignore[assignment] # what detectors ask for
    settings: dict[str, Any] = {
        "min_size": 64,
        "rpn_anchor_generator": AnchorGenerator(((16, 32),), ((0.5, 1.0, 2.0),)),
        "rpn_post_nms_top_n_test": 40,
        "box_roi_pool": MultiScaleRoIAlign(["0"], 7, 2),
        "box_detections_per_img": 6,
        "box_batch_size_per_image": 16,
    }
    if network is MaskRCNN:
        settings |= {"mask_roi_pool": MultiScaleRoIAlign(["0"], 14, 2), "mask_head": MaskRCNNHeads(16, (256,))}
    if network is KeypointRCNN:
        pool = MultiScaleRoIAlign(["0"], 14, 2)
        settings |= {"keypoint_roi_pool": pool, "keypoint_head": KeypointRCNNHeads(16, (512,))}
    return network(backbone, num_classes, **(settings | kwargs))


def targets() -> list[dict[str, torch.Tensor]]:
    boxes = [torch.tensor([[5.0, 5.0, 40.0, 50.0], [30.0, 20.0, 60.0, 60.0]]), torch.tensor([[10.0, 10.0, 50.0, 40.0]])]
    return [
        {
            "boxes": box,
            "labels": torch.ones(len(box), dtype=torch.int64),
            "masks": torch.ones(len(box), *image.shape[1:], dtype=torch.uint8),
            "keypoints": torch.cat(
                [box[:, None, :2] + torch.arange(17.0)[:, None], torch.ones(len(box), 17, 1)], dim=2
            ),
        }
        for box, image in zip(boxes, EACH_SIZE, strict=True)
    ]


@NETWORKS
def test_detections_are_of_the_images_as_given(network: type[FasterRCNN]) -> None:
    model = small(network, box_score_thresh=0.0).eval()
    with torch.inference_mode():
        results = model(EACH_SIZE)
    for found, image in zip(results, EACH_SIZE, strict=True):
        height, width = image.shape[1:]
        number = len(found["boxes"])
        assert 0 < number <= 6
        assert found["boxes"].min() >= 0
        assert (found["boxes"].amax(dim=0) <= torch.tensor([width, height, width, height]) + 1e-3).all()
        assert found["scores"].tolist() == sorted(found["scores"].tolist(), reverse=True)
        assert set(found["labels"].tolist()) <= {1, 2}
        if network is MaskRCNN:
            assert found["masks"].shape == (number, 1, height, width)
            assert 0 <= found["masks"].min() < found["masks"].max() <= 1
        if network is KeypointRCNN:
            assert found["keypoints"].shape == (number, 17, 3)
            assert found["keypoints_scores"].shape == (number, 17)


@NETWORKS
def test_an_image_s_detections_do_not_depend_on_the_others(network: type[FasterRCNN]) -> None:
    model = small(network, box_score_thresh=0.0).eval()
    same_size = [torch.rand(3, 64, 96), torch.rand(3, 64, 96)]
    with torch.inference_mode():
        together, alone = model(same_size), [model([image])[0] for image in same_size]
    for one, other in zip(together, alone, strict=True):
        for name, value in one.items():
            torch.testing.assert_close(value, other[name], rtol=1e-4, atol=1e-4)


@NETWORKS
def test_nothing_found_has_the_form_of_something_found(network: type[FasterRCNN]) -> None:
    model = small(network, box_score_thresh=2.0).eval()
    with torch.inference_mode():
        (found,) = model(EACH_SIZE[:1])
    forms = {"boxes": (0, 4), "labels": (0,), "scores": (0,)}
    forms |= {  # type: ignore[call-overload]
        MaskRCNN: {"masks": (0, 1, 70, 90)}, KeypointRCNN: {"keypoints": (0, 17, 3), "keypoints_scores": (0, 17)}
    }.get(network, {})  # fmt: skip
    assert {name: tuple(value.shape) for name, value in found.items()} == forms


@NETWORKS
def test_training_reaches_every_parameter(network: type[FasterRCNN]) -> None:
    model = small(network).train()
    losses = model(EACH_SIZE, targets())
    more = {MaskRCNN: ["loss_mask"], KeypointRCNN: ["loss_keypoint"]}.get(network, [])
    assert list(losses) == ["loss_classifier", "loss_box_reg", *more, "loss_objectness", "loss_rpn_box_reg"]
    sum(losses.values()).backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


@NETWORKS
def test_images_without_objects_can_be_trained_with(network: type[FasterRCNN]) -> None:
    nothing = {
        "boxes": torch.zeros(0, 4),
        "labels": torch.zeros(0, dtype=torch.int64),
        "masks": torch.zeros(0, 70, 90, dtype=torch.uint8),
        "keypoints": torch.zeros(0, 17, 3),
    }
    losses = small(network).train()(EACH_SIZE[:1], [nothing])
    assert all(loss.isfinite() for loss in losses.values())
    sum(losses.values()).backward()


@pytest.mark.parametrize(
    ("network", "changes", "error", "message"),
    [
        (FasterRCNN, {"boxes": torch.tensor([[5.0, 5.0, 5.0, 9.0]])}, AssertionError, "row 0 for target at index 1"),
        (FasterRCNN, {"labels": torch.tensor([3])}, IndexError, "found 3 for the box at row 0 for target at index 1"),
        (FasterRCNN, {"labels": torch.tensor([0])}, TargetError, "from 1 to 2 .0 is the background.: found 0"),
        (MaskRCNN, {"masks": None}, ValueError, "should have a masks key: the target at index 1 has none"),
        (MaskRCNN, {"masks": torch.ones(2, 64, 60)}, TargetError, r"\[1, 64, 60\], got \[2, 64, 60\] .* index 1"),
        (MaskRCNN, {"masks": torch.ones(1, 70, 90)}, TargetError, r"\[1, 64, 60\], got \[1, 70, 90\] .* index 1"),
        (KeypointRCNN, {"keypoints": torch.ones(1, 17, 2)}, TargetError, r"\[1, K, 3\].*got \[1, 17, 2\] .* index 1"),
        (KeypointRCNN, {"keypoints": torch.ones(1, 5, 3)}, TargetError, "Expected 17 keypoints .* found 5 .* index 1"),
        (KeypointRCNN, {"keypoints": torch.ones(1, 17, 3).bool()}, TypeError, "keypoints must of float type"),
    ],
)
def test_targets_that_cannot_be_trained_with_are_refused(
    network: type[FasterRCNN], changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    good, other = targets()
    changed = {name: value for name, value in (other | changes).items() if value is not None}
    with pytest.raises(error, match=message):
        small(network).train()(EACH_SIZE, [good, changed])


@pytest.mark.parametrize(
    ("network", "kwargs", "error", "message"),
    [
        (FasterRCNN, {"num_classes": None}, ValueError, "num_classes should not be None when box_predictor is not"),
        (FasterRCNN, {"num_classes": 0}, ValueError, "num_classes should be a positive integer, found 0"),
        (FasterRCNN, {"box_predictor": FastRCNNPredictor(4, 2)}, ValueError, "num_classes should be None when box_pre"),
        (FasterRCNN, {"rpn_anchor_generator": 3}, TypeError, "rpn_anchor_generator should be of type AnchorGenerator"),
        (FasterRCNN, {"box_roi_pool": 3}, TypeError, "box_roi_pool should be of type MultiScaleRoIAlign or None"),
        (FasterRCNN, {"mask_head": nn.Identity()}, TypeError, "mask_head"),
        (MaskRCNN, {"mask_predictor": nn.Identity()}, ValueError, "num_classes should be None when mask_predictor"),
        (MaskRCNN, {"mask_roi_pool": 3}, TypeError, "mask_roi_pool should be of type MultiScaleRoIAlign or None"),
        (
            KeypointRCNN, {"keypoint_predictor": nn.Identity(), "num_keypoints": 3}, ValueError,
            "num_keypoints should be None when keypoint_predictor is specified",
        ),
    ],
)  # fmt: skip
def test_arguments_that_cannot_be_a_network_are_refused(
    network: type[FasterRCNN], kwargs: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        small(network, **{"num_classes": 3, **kwargs})


def test_backbone_must_tell_its_channels() -> None:
    with pytest.raises(ValueError, match=r"attribute out_channels .*found None in Sequential"):
        FasterRCNN(nn.Sequential(), 2)


def test_fine_tuning_on_other_classes_works_as_in_the_tutorials() -> None:
    model = small(MaskRCNN, 91)
    in_features = model.roi_heads.box_predictor.cls_score.in_features
    model.roi_heads.box_predictor = FastRCNNPredictor(in_features, 2)  # type: ignore[arg-type]
    in_features_mask = model.roi_heads.mask_predictor.conv5_mask.in_channels
    model.roi_heads.mask_predictor = MaskRCNNPredictor(in_features_mask, 256, 2)  # type: ignore[arg-type]
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.005, momentum=0.9)
    losses = [_step(model, optimizer) for _ in range(4)]
    assert losses[-1] < losses[0]
    with torch.inference_mode():
        (found, _) = model.eval()(EACH_SIZE)
    assert set(found["labels"].tolist()) <= {1}
    with pytest.raises(IndexError, match="from 1 to 1 "):
        model.train()(EACH_SIZE, [target | {"labels": target["labels"] + 1} for target in targets()])


def _step(model: nn.Module, optimizer: torch.optim.Optimizer) -> float:
    torch.manual_seed(0)
    loss = sum(model.train()(EACH_SIZE, targets()).values())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return float(loss.item())


def test_features_of_another_model_can_be_the_backbone() -> None:
    backbone = mobilenet_v2().features
    backbone.out_channels = 1280  # type: ignore[assignment]
    anchors = AnchorGenerator(sizes=((32, 64, 128, 256, 512),), aspect_ratios=((0.5, 1.0, 2.0),))
    pool = MultiScaleRoIAlign(featmap_names=["0"], output_size=7, sampling_ratio=2)
    model = FasterRCNN(backbone, num_classes=2, rpn_anchor_generator=anchors, box_roi_pool=pool, min_size=64)
    with torch.inference_mode():
        assert [sorted(found) for found in model.eval()(EACH_SIZE)] == [["boxes", "labels", "scores"]] * 2


def test_heads_and_predictors_of_one_s_own_are_used() -> None:
    heads = {
        "box_head": FastRCNNConvFCHead((16, 7, 7), [8], [32, 24], norm_layer=nn.BatchNorm2d),
        "box_predictor": FastRCNNPredictor(24, 5),
        "mask_head": MaskRCNNHeads(16, [8, 12], dilation=2),
        "mask_predictor": MaskRCNNPredictor(12, 6, 5),
    }
    model = small(MaskRCNN, None, box_score_thresh=0.0, **heads)
    assert all(getattr(model.roi_heads, name) is head for name, head in heads.items())
    with torch.inference_mode():
        (found, _) = model.eval()(EACH_SIZE)
    assert set(found["labels"].tolist()) <= {1, 2, 3, 4}


def test_an_empty_head_is_a_head() -> None:
    head = nn.Sequential()
    model = small(MaskRCNN, None, mask_head=head, box_predictor=FastRCNNPredictor(1024, 3),
                  mask_predictor=MaskRCNNPredictor(16, 8, 3))  # fmt: skip
    assert model.roi_heads.mask_head is head


def test_box_predictor_takes_features_of_one_place_alone() -> None:
    predictor = FastRCNNPredictor(6, 2)
    features = torch.rand(3, 6)
    assert all(map(torch.equal, predictor(features), predictor(features[..., None, None])))
    with pytest.raises(ValueError, match=r"expecting the last two dimensions to be \[1,1\], got"):
        predictor(torch.rand(3, 6, 2, 2))


@pytest.mark.parametrize(
    ("model", "member", "epsilon"),
    [
        ("fasterrcnn_resnet50_fpn", "COCO_V1", 0.0),
        ("maskrcnn_resnet50_fpn", "COCO_V1", 0.0),
        ("keypointrcnn_resnet50_fpn", "COCO_V1", 0.0),
        ("keypointrcnn_resnet50_fpn", "COCO_LEGACY", 1e-5),
        ("fasterrcnn_mobilenet_v3_large_fpn", "COCO_V1", 1e-5),
        ("fasterrcnn_resnet50_fpn_v2", "COCO_V1", None),
        ("fasterrcnn_resnet50_fpn", "none", 1e-5),
    ],
)
def test_epsilon_of_frozen_batch_norm_is_the_one_of_the_recorded_outputs(
    model: str, member: str, epsilon: float | None
) -> None:
    with torch.device("meta"):
        network = build_as(model, member)
    found = {module.eps for module in network.modules() if isinstance(module, FrozenBatchNorm2d)}
    assert found == (set() if epsilon is None else {epsilon})


def test_batch_norm_is_frozen_with_any_weights_and_plain_without() -> None:
    with torch.device("meta"), without_files():
        frozen = zoo_detection.fasterrcnn_resnet50_fpn(weights=None, weights_backbone="DEFAULT")
        plain = zoo_detection.fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None)
        second = zoo_detection.fasterrcnn_resnet50_fpn_v2(weights="DEFAULT")
    kinds = [{type(module) for module in network.modules()} for network in (frozen, plain, second)]
    assert [FrozenBatchNorm2d in kind for kind in kinds] == [True, False, False]
    assert [nn.BatchNorm2d in kind for kind in kinds] == [False, True, True]


def test_weights_of_the_backbone_are_loaded_into_it(publish: Any) -> None:
    torch.manual_seed(0)
    member = ResNet50_Weights.IMAGENET1K_V1
    state = get_model("resnet50").state_dict()
    publish(member, state)
    body = zoo_detection.fasterrcnn_resnet50_fpn(weights_backbone=member).backbone.body
    assert all(torch.equal(value, state[name]) for name, value in body.state_dict().items())


@pytest.mark.parametrize("as_zip", [True, False], ids=["zip", "older"])
def test_file_with_the_older_names_of_layers_loads(publish: Any, as_zip: bool) -> None:
    member = get_model_weights("maskrcnn_resnet50_fpn")["COCO_V1"]
    torch.manual_seed(0)
    state = build_as("maskrcnn_resnet50_fpn", "COCO_V1").state_dict()
    older = {_older(name): value for name, value in state.items()}
    counters = {name.replace("running_var", "num_batches_tracked"): torch.tensor(7) for name in older if "_var" in name}
    assert len(older.keys() - state.keys()) == 2 * (4 + 4 + 1 + 4)
    publish(member, older | counters, as_zip=as_zip)
    loaded = get_model("maskrcnn_resnet50_fpn", weights=member).state_dict()
    assert list(loaded) == list(state)
    assert all(torch.equal(value, state[name]) for name, value in loaded.items())


def _older(name: str) -> str:
    """Return what a layer of a pyramid, or of a head for proposals or masks, was called once."""
    parts = name.split(".")
    if "fpn" in parts:
        return ".".join([*parts[:4], parts[-1]])
    if name.startswith("rpn.head.conv"):
        return f"rpn.head.conv.{parts[-1]}"
    if "mask_head" in parts:
        return f"roi_heads.mask_head.mask_fcn{int(parts[2]) + 1}.{parts[-1]}"
    return name


def test_keypoints_can_be_others_than_the_file_s(publish: Any, caplog: pytest.LogCaptureFixture) -> None:
    member = get_model_weights("keypointrcnn_resnet50_fpn")["COCO_V1"]
    state = build_as("keypointrcnn_resnet50_fpn", "COCO_V1").state_dict()
    publish(member, state)
    model = get_model("keypointrcnn_resnet50_fpn", weights=member, num_keypoints=5)
    assert model.roi_heads.keypoint_predictor.kps_score_lowres.weight.shape[1] == 5
    assert "roi_heads.keypoint_predictor.kps_score_lowres.weight" in caplog.text
    assert torch.equal(
        model.roi_heads.box_predictor.cls_score.weight,  # type: ignore[arg-type]
        state["roi_heads.box_predictor.cls_score.weight"],
    )


def test_pretrained_stands_for_what_it_always_has() -> None:
    builder = zoo_detection.keypointrcnn_resnet50_fpn
    with torch.device("meta"), without_files():
        for value, epsilon in ((True, 0.0), ("legacy", 1e-5)):
            with pytest.warns(UserWarning, match="is deprecated"):
                network = builder(pretrained=value)
            norms = {module.eps for module in network.modules() if isinstance(module, FrozenBatchNorm2d)}
            assert norms == {epsilon}
            assert network.roi_heads.keypoint_predictor.out_channels == 17


def test_defaults_of_the_small_mobile_model_can_be_changed() -> None:
    with torch.device("meta"), without_files():
        default = zoo_detection.fasterrcnn_mobilenet_v3_large_320_fpn()
        changed = zoo_detection.fasterrcnn_mobilenet_v3_large_320_fpn(min_size=100, rpn_score_thresh=0.5)
    assert (default.transform.min_size, default.transform.max_size, default.rpn.score_thresh) == ((320,), 640, 0.05)  # type: ignore[comparison-overlap]
    assert (changed.transform.min_size, changed.transform.max_size, changed.rpn.score_thresh) == ((100,), 640, 0.5)  # type: ignore[comparison-overlap]


@pytest.mark.parametrize("builder", ["fasterrcnn_resnet50_fpn_v2", "maskrcnn_resnet50_fpn_v2"])
def test_second_version_has_a_head_for_the_anchors_that_are_given(builder: str) -> None:
    generator = AnchorGenerator(((32,), (64,), (128,), (256,), (512,)), ((0.5, 1.0),) * 5)
    with torch.device("meta"):
        model = getattr(zoo_detection, builder)(rpn_anchor_generator=generator, num_classes=2)
    assert model.rpn.head.cls_logits.out_channels == 2
    assert len(model.rpn.head.conv) == 2


def test_head_for_other_anchors_is_an_error_that_names_both() -> None:
    model = small(FasterRCNN, rpn_head=RPNHead(16, 3)).eval()
    with pytest.raises(ValueError, match=r"head predicts for .* anchor generator makes"):
        model(EACH_SIZE)


def test_a_copy_computes_the_same() -> None:
    model = small(MaskRCNN, box_score_thresh=0.0).eval()
    with torch.inference_mode():
        pairs = zip(model(EACH_SIZE), copy.deepcopy(model)(EACH_SIZE), strict=True)
        assert all(torch.equal(found[name], other[name]) for found, other in pairs for name in found)


def test_half_of_a_network_s_memory_is_enough_in_bfloat16() -> None:
    model = small(MaskRCNN, box_score_thresh=0.0).eval().bfloat16()
    with torch.inference_mode():
        found = model([image.bfloat16() for image in EACH_SIZE])
    assert {name: value.dtype for name, value in found[0].items() if value.is_floating_point()} == {
        "boxes": torch.float32, "scores": torch.bfloat16, "masks": torch.bfloat16,
    }  # fmt: skip


def test_resnet_with_a_pyramid_is_a_backbone() -> None:
    backbone = resnet_fpn_backbone(backbone_name="resnet18", weights=None)
    model = MaskRCNN(backbone, num_classes=3, min_size=64, box_detections_per_img=3, rpn_post_nms_top_n_test=20).eval()
    with torch.inference_mode():
        assert [found["masks"].shape[1:] for found in model(EACH_SIZE)] == [(1, 70, 90), (1, 64, 60)]
