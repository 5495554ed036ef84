"""The vector of a video is the mean of the features of its clips."""

import pytest
import torch
from torch import nn

from video.encoding import encode, grey_frames
from zoo_core import Preset, Weights, WeightsEnum, embed, get_model
from zoo_core.building import without_files
from zoo_core.embedding import EmbeddingJob
from zoo_core.prediction import Failure, find_sources, stream
from zoo_video.prediction import VideoEmbedder

PRESET = Preset("VideoClassification", {"crop_size": (16, 16), "resize_size": (20, 20)})


class PlainWeights(WeightsEnum):
    V1 = Weights("https://localhost/none.pth", PRESET, {"clips_per_video": 3, "clip_len": 4})


class MeanOfEachFrame(nn.Module):
    """Gives the brightness of the frames of clips, (N, T)."""

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        return clips.mean((1, 3, 4))


@pytest.fixture
def folder(tmp_path):
    encode(tmp_path / "a.mp4", grey_frames(40))
    (tmp_path / "empty.mov").touch()
    return tmp_path


@pytest.mark.parametrize("normalize", [False, True])
def test_a_video_has_the_mean_of_its_clips_and_a_broken_one_its_reason(folder, normalize):
    embedder = VideoEmbedder(MeanOfEachFrame(), PlainWeights.V1, normalize=normalize)
    found, broken = stream(embedder, find_sources([folder], "videos"))
    clips = embedder.preprocess(embedder.read([folder / "a.mp4"]))
    expected = clips.mean((1, 3, 4)).mean(0)
    assert clips.shape == (3, 3, 4, 16, 16)
    assert torch.allclose(found.vector, expected / expected.norm() if normalize else expected)
    assert isinstance(broken, Failure)


def test_a_video_model_embeds_clips_as_its_predictor_takes_them(folder):
    with without_files(), torch.random.fork_rng():
        torch.manual_seed(0)
        found = embed(folder / "a.mp4", model="r3d_18", num_clips=1, num_frames=4)
        assert found.vectors.shape == (1, get_model("r3d_18").head_hidden_size)
    assert found.facts.made_by.endswith("frame_rate=15.0, normalize=False, num_clips=1, num_frames=4")


def test_every_option_of_clips_is_taken():
    job = EmbeddingJob(sources=(), model="mvit_v2_s", options={"num_clips": 2, "num_frames": 8, "frame_rate": 3.0})
    assert job.made_by.endswith("frame_rate=3.0, normalize=False, num_clips=2, num_frames=8")
