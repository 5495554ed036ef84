"""What `zoo train` reaches on drawn label maps, videos and flow, from nothing, in minutes on one core."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from drawn_data import write_flows, write_label_maps, write_videos
from zoo_core.cli import main


def reached(data: Path, model: str, metric: str, *options: str) -> float:
    """Train from nothing, and return what was measured on the samples that were kept for validation."""
    run = data.parent / "run"
    arguments = ["train", data, "--model", model, "--weights", "none", "-o", run, "--workers", 0, *options]
    done = CliRunner().invoke(main, [*map(str, arguments), "--json", "--quiet"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    value: float = json.loads(done.stdout)["metrics"][metric]
    return value


@pytest.mark.slow
def test_an_lraspp_learns_to_find_shapes(tmp_path: Path) -> None:
    write_label_maps(tmp_path / "shapes")
    options = ("--set", "size=96", "--set", "scale_jitter=0.25", "--epochs", "26")
    assert reached(tmp_path / "shapes", "lraspp_mobilenet_v3_large", "miou", *options) > 65


@pytest.mark.slow
def test_a_video_network_learns_where_shapes_move_to(tmp_path: Path) -> None:
    write_videos(tmp_path / "moves")
    options = ("--set", "size=32", "--set", "clip_len=8", "--set", "flip=0", "--set", "crop=0.8", "--epochs", "10")
    assert reached(tmp_path / "moves", "mc3_18", "acc@1", *options) > 50


@pytest.mark.slow
def test_a_raft_learns_how_textures_move(tmp_path: Path) -> None:
    write_flows(tmp_path / "pairs", 240)
    changes = ["flow_updates=4", "batch_size=4", "scale_jitter=0.1", "color=0.1", "lr=0.0005", "warmup=0.1"]
    changes += ["validation=0.1", "precision=float32"]
    options = (part for change in changes for part in ("--set", change))
    assert reached(tmp_path / "pairs", "raft_small", "epe", *options, "--epochs", "9") < 1.3
