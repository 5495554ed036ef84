"""Vectors are the features before the classifier, of every classification model, however inputs are batched."""

import subprocess
import sys
from inspect import signature
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

import zoo_digits
from zoo_core import embed, get_model, get_weight, save_model
from zoo_core._registry import all_tasks
from zoo_core.building import without_files
from zoo_core.embedding import EmbeddingJob, ImageEmbedder, PooledFeatures
from zoo_core.images import read_image
from zoo_core.names import load_reference
from zoo_core.prediction import Failure, find_sources, stream

SAMPLES = Path(zoo_digits.__path__[0]) / "samples"
DIGITS = "shufflenet_v2_x0_5_digits"
ENTRY = "ShuffleNet_V2_X0_5_Digits_Weights.DIGITS_V1"


def features_of(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return model.eval().forward_head(model.forward_features(images), pre_logits=True)


def test_vectors_are_what_the_classifier_is_given() -> None:
    preprocess = get_weight(ENTRY).transforms()
    files = sorted(SAMPLES.iterdir())
    images = torch.stack([preprocess(read_image(file)) for file in files])
    found = embed(SAMPLES, batch_size=len(files), workers=0)
    assert found.sources == tuple(map(str, files))
    assert torch.equal(found.vectors, features_of(get_model(DIGITS, weights="DEFAULT"), images))


@pytest.mark.parametrize("name", ["resnet18", "squeezenet1_1", "swin_t", "vgg11", "mobilenet_v3_small", "googlenet"])
def test_networks_of_every_form_give_as_many_numbers_as_their_classifier_is_given(name: str) -> None:
    with torch.device("meta"):
        network = get_model(name, weights=None).eval()
    vectors = PooledFeatures(network)(torch.rand(2, 3, 64, 64, device="meta"))
    assert vectors.shape == (2, network.head_hidden_size)


def test_int8_networks_give_floating_point() -> None:
    network = get_model("quantized_shufflenet_v2_x0_5", weights=None, quantize=True).eval()
    vectors = PooledFeatures(network)(torch.rand(2, 3, 64, 64))
    assert (vectors.shape, vectors.dtype, vectors.is_quantized) == ((2, 1024), torch.float32, False)


@pytest.mark.parametrize(("batch_size", "workers"), [(1, 0), (3, 2), (8, 1)])
def test_batches_change_rounding_alone(batch_size: int, workers: int) -> None:
    together = embed(SAMPLES, batch_size=10, workers=0)
    found = embed(SAMPLES, batch_size=batch_size, workers=workers)
    assert found.sources == together.sources
    assert torch.allclose(found.vectors, together.vectors, atol=1e-5)


def test_an_optimized_model_changes_rounding_alone() -> None:
    assert torch.allclose(embed(SAMPLES, optimized=True).vectors, embed(SAMPLES).vectors, atol=1e-4)


def test_normalised_vectors_have_length_1_and_the_same_direction() -> None:
    plain, unit = embed(SAMPLES).vectors, embed(SAMPLES, normalize=True).vectors
    assert torch.allclose(unit.norm(dim=1), torch.ones(10), atol=1e-6)
    assert torch.allclose(unit * plain.norm(dim=1, keepdim=True), plain, atol=1e-5)


def test_what_is_in_memory_is_embedded_as_its_file() -> None:
    image = Image.open(SAMPLES / "four.png")
    found = embed([image, SAMPLES / "four.png"])
    assert found.sources == ("<image 1>", str(SAMPLES / "four.png"))
    assert torch.equal(found.vectors[0], found.vectors[1])


def test_an_input_that_cannot_be_read_is_a_failure_and_the_others_have_vectors(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no image")
    found = embed([SAMPLES / "one.png", tmp_path / "broken.png", SAMPLES / "two.png"])
    assert [Path(source).name for source in found.sources] == ["one.png", "two.png"]
    assert (len(found), found.vectors.shape) == (2, (2, 1024))
    assert [Path(failure.source).name for failure in found.failures] == ["broken.png"]


def test_nothing_gives_no_vectors() -> None:
    found = embed([])
    assert (len(found), found.vectors.shape, found.failures) == (0, (0, 0), ())


def test_facts_are_enough_to_make_a_comparable_vector() -> None:
    facts = embed(SAMPLES / "one.png", normalize=True).facts
    assert facts is not None
    assert (facts.model, facts.weights, facts.dimension) == (DIGITS, ENTRY, 1024)
    assert facts.sha256 == EmbeddingJob(sources=(), model=DIGITS).resolve().sha256
    assert facts.preprocessing["preset"] == "ImageClassification"
    assert facts.preprocessing["crop_size"] == [64]
    assert facts.made_by.endswith("normalize=True")


def test_a_model_of_ones_own_is_named_by_its_folder(tmp_path: Path) -> None:
    save_model(get_model(DIGITS, weights="DEFAULT"), tmp_path / "mine")
    name = f"local-dir:{tmp_path / 'mine'}"
    assert torch.equal(embed(SAMPLES, model=name).vectors, embed(SAMPLES, model=DIGITS).vectors)


@pytest.mark.parametrize("name", ["fcos_resnet50_fpn", "raft_small", "fcn_resnet50"])
def test_models_of_other_tasks_are_refused_with_what_there_is(name: str) -> None:
    with pytest.raises(ValueError, match="vectors are there for classification, quantization, video"):
        embed(SAMPLES, model=name)


def test_options_of_predictions_are_refused() -> None:
    with pytest.raises(ValueError, match="does not take topk: its prediction takes normalize"):
        embed(SAMPLES, model=DIGITS, topk=3)


@pytest.mark.parametrize("given", [{"save": Path("a")}, {"raw": Path("a")}, {"every": 2}])
def test_pictures_and_raw_results_are_for_predictions(given: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="is for predictions"):
        EmbeddingJob(sources=(), model=DIGITS, **given)  # type: ignore[arg-type]


def test_a_network_of_scores_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="Linear gives scores alone"):
        PooledFeatures(nn.Linear(2, 2))


def test_features_that_are_no_vectors_are_failures() -> None:
    embedder = ImageEmbedder(nn.Identity(), get_weight(ENTRY))
    (found,) = stream(embedder, find_sources([SAMPLES / "one.png"]))
    assert isinstance(found, Failure)
    assert "should have the shape (N, D), found (1, 3, 64, 64)" in found.error


def test_embedders_have_the_defaults_that_their_tasks_state() -> None:
    tasks = [task for task in all_tasks() if task.embedder is not None]
    assert {task.name for task in tasks} >= {"classification", "quantization", "video"}
    for task in tasks:
        parameters = signature(load_reference(str(task.embedder))).parameters
        assert parameters["normalize"].default is False
        for option in task.embedder_options:
            assert option.default == parameters[option.name].default, (task.name, option.name)


def test_jobs_and_help_import_no_torch() -> None:
    code = (
        "import sys\nfrom zoo_core.embedding import EmbeddingJob\n"
        f"EmbeddingJob(sources=(), model={DIGITS!r}).made_by\n"
        "from zoo_core.cli import main\nmain(['embed', '--help'], standalone_mode=False)\n"
        "print({'torch', 'numpy', 'pyarrow', 'PIL.Image'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "set()\n"


def test_every_classification_model_has_an_embedder() -> None:
    with without_files():
        job = EmbeddingJob(sources=(), model="resnet18")
        assert isinstance(job.load_predictor(), ImageEmbedder)
    assert EmbeddingJob(sources=(), model="r3d_18").task.options[1].name == "num_clips"
