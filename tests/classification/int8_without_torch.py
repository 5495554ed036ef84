"""Builds and runs int8 models in a process that has neither torch.ao nor quantised tensors; a script for tests.

Reads JSON from standard input: members of weights with the files that stand for them, and files of states. Prints the
scores of images by member and by state, as JSON.
"""

import gc
import importlib.abc
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import torch


class Gone(importlib.abc.MetaPathFinder):
    """Finds out who imports torch.ao."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        """Refuse it."""
        if fullname == "torch.ao" or fullname.startswith(("torch.ao.", "torch.quantization", "torch.nn.quantized")):
            raise ImportError(f"{fullname} is gone")


def refuse(*_: Any, **__: Any) -> NoReturn:
    raise AttributeError("quantised tensors are gone")


class NoOperators:
    """In the place of `torch.ops.quantized`."""

    __getattr__ = refuse


def take_away() -> None:
    """Make this torch one without eager quantization, quantised tensors, and operations on them."""
    for name in [name for name in sys.modules if name.startswith(("torch.ao", "torch.quantization", "torch.nn.quant"))]:
        del sys.modules[name]
    del torch.ao, torch.quantization
    sys.meta_path.insert(0, Gone())
    for name in (
        "quantize_per_tensor", "quantize_per_channel", "quantize_per_tensor_dynamic", "_empty_affine_quantized",
        "_empty_per_channel_affine_quantized", "_make_per_tensor_quantized_tensor",
        "_make_per_channel_quantized_tensor", "quantized_max_pool2d",
    ):  # fmt: skip
        setattr(torch, name, refuse)
    torch._utils._rebuild_qtensor = refuse
    setattr(torch.ops, "quantized", NoOperators())  # noqa: B010 # which torch does not state that it has


@torch.inference_mode()
def main() -> None:
    """Do what standard input says."""
    take_away()
    from reference.fill import image_batch
    from zoo_core import Weights, get_model, get_weight
    from zoo_core.checkpoints import read_state_dict

    wanted = json.load(sys.stdin)
    scores: dict[str, Any] = {}
    for member_name, (model, url) in wanted["members"].items():
        member = get_weight(member_name)
        member._value_ = Weights(url, member.transforms, member.meta)
        network = get_model(model, weights=member, quantize=True)
        scores[member_name] = network(image_batch(tuple(wanted["images"]))).tolist()
    for model, (file, shape, num_classes) in wanted["states"].items():
        network = get_model(model, weights=None, quantize=True, num_classes=num_classes)
        network.load_state_dict(read_state_dict(Path(file), as_integers=True))
        scores[model] = network(image_batch(tuple(shape))).tolist()
    assert not [name for name in sys.modules if name.startswith("torch.ao")]
    assert not [each for each in gc.get_objects() if type(each) is torch.Tensor and each.is_quantized]
    sys.stdout.write(json.dumps(scores))


if __name__ == "__main__":
    main()
