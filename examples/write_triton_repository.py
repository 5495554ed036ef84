"""Put an ONNX file of `zoo export` into a model repository of Triton Inference Server, with its configuration.

    python examples/write_triton_repository.py resnet50.onnx models/
    tritonserver --model-repository models/

Writes `models/resnet50/config.pbtxt`, `1/model.onnx` and `labels.txt`: everything in them is what the file says of
itself. Requests for pictures of one size are computed as one batch where the file takes any number.
"""

import argparse
import json
import shutil
from pathlib import Path

from zoo_export import Facts, TensorFact
from zoo_export.formats import format_of

TYPES = {"uint8": "TYPE_UINT8", "int64": "TYPE_INT64", "float32": "TYPE_FP32"}
LABELS = "labels.txt"


def main(file: str, repository: str, *, max_batch_size: int = 8) -> None:
    """Write the folder of one model.

    Args:
        file: The ONNX file; the model is called as it is.
        repository: The folder of all models.
        max_batch_size: How many pictures of one size are computed together at most.
    """
    path = Path(file)
    form = format_of(path)
    facts = form.facts(path)
    if facts.format != "onnx":
        raise ValueError(f"{path} is a file for {facts.format}: expected one for ONNX.")
    folder = Path(repository) / path.stem
    (folder / "1").mkdir(parents=True, exist_ok=True)
    for each in form.files(path):  # weights beside it are found under their own name
        shutil.copyfile(each, folder / "1" / ("model.onnx" if each == path else each.name))
    (folder / "config.pbtxt").write_text(config(path.stem, facts, max_batch_size), "utf-8")
    if facts.categories is not None:
        (folder / LABELS).write_text("\n".join(facts.categories) + "\n", "utf-8")


def config(name: str, facts: Facts, max_batch_size: int) -> str:
    """Return the configuration: the protocol buffer `ModelConfig`, as text.

    Args:
        name: Of the model.
        facts: Of its file.
        max_batch_size: 0 for none; it counts where all inputs and outputs begin with an axis for any number.
    """
    batched = max_batch_size > 0 and all(fact.axes[0] == "batch" for fact in (*facts.inputs, *facts.outputs))
    lines = [
        f"name: {quoted(name)}",
        'backend: "onnxruntime"',
        f"max_batch_size: {max_batch_size if batched else 0}",
        *(f"input {{ {tensor(fact, batched)} }}" for fact in facts.inputs),
    ]
    for fact in facts.outputs:
        classes = facts.categories is not None and fact.axes[-1] == len(facts.categories)
        labels = f" label_filename: {quoted(LABELS)}" if classes else ""
        lines.append(f"output {{ {tensor(fact, batched)}{labels} }}")
    if batched:
        lines.append("dynamic_batching {}")
    lines.append(f'parameters {{ key: "zoo" value {{ string_value: {quoted(facts.to_json())} }} }}')
    return "\n".join(lines) + "\n"


def tensor(fact: TensorFact, batched: bool) -> str:
    """Return the fields of an input or output; the batch is none of its dimensions."""
    axes = fact.axes[1:] if batched else fact.axes
    dims = ", ".join(str(axis if isinstance(axis, int) else -1) for axis in axes)
    return f"name: {quoted(fact.name)} data_type: {TYPES[fact.dtype]} dims: [{dims}]"


def quoted(text: str) -> str:
    """Return a text as protocol buffers have it: escaped as in JSON."""
    return json.dumps(text, ensure_ascii=False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("repository")
    parser.add_argument("--max-batch-size", type=int, default=8)
    main(**vars(parser.parse_args()))
