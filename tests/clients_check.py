"""Libraries that import torchvision, at work where zoo stands in for it. Run by `nox -s torchvision_clients`."""

from importlib.util import find_spec

import pytest
import torch
from PIL import Image

import zoo_torchvision

assert find_spec("torchvision") is None, "this environment is to have no torchvision"
zoo_torchvision.install()

pytestmark = pytest.mark.filterwarnings("default")


def test_torchmetrics_computes_the_mean_average_precision_of_detections():
    from torchmetrics.detection import MeanAveragePrecision

    # Boxes (x, y, width, height): one overlaps its object by 0.96, one is in the wrong place.
    found = {"boxes": [[10.0, 10, 50, 50], [60, 60, 20, 20]], "scores": [0.9, 0.4], "labels": [1, 2]}
    there = {"boxes": [[12.0, 10, 48, 50], [200, 200, 20, 20]], "labels": [1, 2]}
    metric = MeanAveragePrecision(box_format="xywh", class_metrics=True, backend="faster_coco_eval")
    metric.update(*([{name: torch.tensor(values) for name, values in one.items()}] for one in (found, there)))
    result = metric.compute()
    assert result["map_50"] == pytest.approx(0.5)
    assert result["map_per_class"].tolist() == pytest.approx([1.0, 0.0])


@pytest.mark.parametrize("name", ["intersection_over_union", "generalized_intersection_over_union"])
def test_torchmetrics_compares_boxes(name):
    from torchmetrics.functional import detection

    box = torch.tensor([[0.0, 0, 10, 10]])
    half = torch.tensor([[0.0, 0, 10, 5]])
    assert getattr(detection, name)(box, half).item() == pytest.approx(0.5)


@pytest.mark.parametrize("encoder", ["resnet18", "vgg11", "mobilenet_v2"])
def test_segmentation_models_learn_with_encoders_made_of_torchvisions_networks(encoder):
    import segmentation_models_pytorch as smp

    torch.manual_seed(0)
    network = smp.Unet(encoder, encoder_weights=None, classes=2)
    images = torch.rand(2, 3, 32, 32)
    labels = (images.mean(1) > 0.5).long()
    optimizer = torch.optim.SGD(network.parameters(), 0.05, momentum=0.9)
    losses = []
    for _ in range(5):
        loss = torch.nn.functional.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_timm_prepares_images_and_computes_with_a_backbone():
    import timm

    backbone = timm.create_model("resnet18", pretrained=False, features_only=True).eval()
    transforms = timm.data.create_transform(**timm.data.resolve_model_data_config(backbone))
    image = transforms(Image.new("RGB", (320, 240), (200, 10, 30)))
    assert image.shape == (3, 224, 224)
    assert [feature.shape[-1] for feature in backbone(image.unsqueeze(0))] == [112, 56, 28, 14, 7]


def test_timm_varies_images_for_training():
    import timm

    torch.manual_seed(0)
    transforms = timm.data.create_transform(64, is_training=True, color_jitter=0.4, vflip=0.5, re_prob=0.5)
    image = Image.radial_gradient("L").convert("RGB")
    first, second = transforms(image), transforms(image)
    assert first.shape == second.shape == (3, 64, 64)
    assert not torch.equal(first, second)


def test_timm_extracts_features_by_the_names_of_nodes():
    import timm
    from timm.layers import create_feature_extractor, get_graph_node_names

    network = timm.create_model("resnet18", pretrained=False).eval()
    assert "layer2.0.conv1" in get_graph_node_names(network)[0]
    extractor = create_feature_extractor(network, {"layer2": "middle"})
    assert extractor(torch.zeros(1, 3, 64, 64))["middle"].shape == (1, 128, 8, 8)
