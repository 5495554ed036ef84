"""From a model's name to a file in another runtime's form, with a certificate beside it."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import torch
from torch import nn

from zoo_core import Preset, WeightsEnum, get_model, get_model_entry, get_model_weights, task_of
from zoo_core.names import load_reference
from zoo_core.tasks import Task
from zoo_core.transforms import preset_arguments

from ._exported import Exported, load_exported
from ._facts import ExportError, Facts, own_version
from ._precision import TOLERANCES, in_precision
from ._program import Program
from ._recording import check_axes, record, with_lengths
from .certificate import Certificate, CertificateError, certificate_path, certify, first_difference
from .formats import Format, get_format

Told = Callable[[str], object]
"""Called with what is done next, for people."""


def export(
    model: str,
    to: str,
    output: Path | str,
    *,
    weights: WeightsEnum | str = "DEFAULT",
    network: nn.Module | None = None,
    raw: bool = False,
    fixed: Sequence[str] = (),
    size: tuple[int, int] | None = None,
    precision: str = "float32",
    certificate: bool = True,
    tolerance: float | None = None,
    told: Told = lambda _what: None,
    **options: Any,
) -> Exported:
    """Export a model with its preprocessing and its results, and prove that the file gives what the model gives.

    The file is written beside its place, and moved there when it has been compared: a file that was there before stays
    as it is until then.

    Args:
        model: A registered model, or the name of a saved one: `local-dir:…`, `hf-hub:…`.
        to: The format: `"pt2"`, `"onnx"` or `"openvino"`.
        output: The file.
        weights: One of the model's entries.
        network: The network, where it is built already.
        raw: Export the network alone.
        fixed: Axes that have one length: some of `"batch"`, `"height"`, `"width"`. A fixed batch is of one.
        size: Height and width in pixels, which all inputs then have.
        precision: `"float32"`, `"float16"` or `"bfloat16"`: what the network computes in.
        certificate: Whether the file is compared with the model.
        tolerance: The largest difference that is allowed; by default that of the task's program, in `"float16"` at
            least 0.02, in `"bfloat16"` 0.1.
        told: Called with what is done next, for people.
        **options: Of the task's program.

    Returns:
        The exported model, in its runtime.

    Raises:
        ValueError: There is no such model, format, precision, axis or option, or the model's task has no program to
            export.
        ExportError: The format's libraries are not installed, this PyTorch cannot do it, or the model has something
            that the format has no form for.
        CertificateError: The file does not give what the model gives. It says where it first differs.

    Example:
        >>> from zoo_export import export
        >>> exported = export("shufflenet_v2_x0_5_digits", "pt2", "new.pt2", certificate=False)
        >>> exported.facts.inputs[0].axes
        ('batch', 'height', 'width', 3)
    """
    form, path = get_format(to), Path(output)
    if path.suffix != form.suffix:
        raise ValueError(f"Files of the format {to} end in {form.suffix}, found {path.name}.")
    kind, member = program_class(model), member_of(model, weights)
    kept, lengths = check_axes(kind, model, fixed, size)
    kind.check_options(model, options)
    in_precision(nn.Identity(), precision)
    form.require()
    kind.require()
    told(f"building {model}")
    built = network if network is not None else built_model(model, member)
    program = kind(built.eval(), member, raw=raw, **options)
    narrow = kind(in_precision(program.model, precision), member, raw=raw, **options)
    facts = _facts(to, model, member, program, lengths, precision, form)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _scratch(path) as written:
        told(f"recording {model}")
        recorded = record(narrow, fixed=sorted(kept), size=size)
        told(f"writing {to}")
        form.write(recorded, facts, written)
        if certificate:
            told("comparing with the model")
            allowed = allowed_difference(program, precision) if tolerance is None else tolerance
            _prove(path, program, narrow, load_exported(written), form, allowed)
        _move(form, written, path)
    return load_exported(path)


def verify(
    path: Path | str,
    *,
    model: str | None = None,
    tolerance: float | None = None,
    told: Told = lambda _what: None,
) -> Certificate:
    """Compare an exported file again with the model that it names, on this machine.

    Args:
        path: The file.
        model: Where that model is now, if the file names a folder that has moved.
        tolerance: As for `export`.
        told: Called with what is done next, for people.

    Returns:
        What was found; `holds` tells whether the file agrees.

    Raises:
        ValueError: The file names a model that is not known here.
        ExportError: It was not exported by zoo, its runtime is not installed, or the model's weights are others now.
        FileNotFoundError: There is no file.

    Example:
        >>> from zoo_export import verify
        >>> certificate = verify("digits.pt2")
        >>> len(certificate.inputs) >= 16
        True
    """
    told(f"loading {path}")
    exported = load_exported(path)
    facts = exported.facts
    name = model or facts.model
    member = member_of(name, "DEFAULT" if model or facts.weights is None else facts.weights)
    digest = member.file.digest
    if facts.sha256 and digest and not (digest.matches(facts.sha256) or facts.sha256.startswith(digest.hexadecimal)):
        raise ExportError(
            f"{path} was exported with weights of the SHA-256 {facts.sha256}, and {name} has {digest} here."
        )
    told(f"building {name}")
    program = program_class(name)(built_model(name, member), member, raw=facts.raw, **facts.options)
    told("comparing with the model")
    allowed = allowed_difference(program, facts.precision) if tolerance is None else tolerance
    return certify(program, exported, tolerance=allowed)


def allowed_difference(program: Program, precision: str) -> float:
    """Return the largest difference that is allowed for a program in a precision."""
    return max(program.tolerance, TOLERANCES[precision])


def program_class(model: str) -> type[Program]:
    """Return the program of a model's task.

    Raises:
        ValueError: There is no such model, or no program for its task.
    """
    task = task_of(model)
    if task.export is None:
        raise ValueError(f"{model} is for {task.name}, for which no program to export is known.")
    kind: type[Program] = load_reference(task.export)
    return kind


def member_of(model: str, weights: WeightsEnum | str) -> WeightsEnum:
    """Return a model's weights entry.

    Raises:
        ValueError: None is meant.
    """
    enum = get_model_weights(model)
    if isinstance(weights, str) and weights == str(enum["DEFAULT"]):  # as saved models are called
        return enum["DEFAULT"]
    member = enum.verify(weights)
    if member is None:
        raise ValueError("Export needs weights: they say how inputs are made and what classes are called.")
    return member


def built_model(model: str, member: WeightsEnum) -> nn.Module:
    """Return the network with its weights, in evaluation mode."""
    return get_model(model, weights=member, **task_of(model).arguments).eval()


def _prove(path: Path, program: Program, narrow: Program, exported: Exported, form: Format, tolerance: float) -> None:
    """Write the certificate, or raise an error that says where the file first differs."""
    found = certify(program, exported, tolerance=tolerance)
    if not found.holds:
        where = first_difference(program, narrow, exported.facts, form, found)
        raise CertificateError(f"{path} does not give what {found.model} gives: {found.summary()}. {where}")
    found.write(certificate_path(exported.path))


@contextmanager
def _scratch(path: Path) -> Iterator[Path]:
    """Make a folder beside a file for another one of its name, and remove it whatever happens."""
    folder = path.with_name(f".{path.name}.{uuid4().hex}.partial")
    folder.mkdir()
    try:
        yield folder / path.name
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _move(form: Format, written: Path, path: Path) -> None:
    """Move what was written into place, the file itself last; what an earlier one has besides is removed."""
    now = [file for file in (*form.files(written), certificate_path(written)) if file.exists()]
    before = [*form.files(path), certificate_path(path)]
    for file in reversed(now):
        file.replace(path.with_name(file.name))
    for file in before:
        if file.name not in {each.name for each in now}:
            file.unlink(missing_ok=True)


def _facts(
    to: str,
    model: str,
    member: WeightsEnum,
    program: Program,
    lengths: dict[str, int],
    precision: str,
    form: Format,
) -> Facts:
    task: Task = task_of(model)
    file, meta, preset = member.file, member.meta, member.transforms
    name = preset.target.rpartition(":")[2] if isinstance(preset, Preset) else type(preset()).__name__
    arguments = {key: _plain(value) for key, value in preset_arguments(preset()).items()}
    return Facts(
        format=to,
        model=model,
        architecture=get_model_entry(model).builder,
        task=task.name,
        weights=str(member),
        sha256=None if file.digest is None else file.digest.hexadecimal,
        license=file.license,
        raw=program.raw,
        inputs=with_lengths(program.inputs, lengths),
        outputs=with_lengths(program.outputs, lengths),
        categories=tuple(meta["categories"]) if "categories" in meta else None,
        preprocessing={"preset": name} | arguments,
        options=dict(program.options),
        meta=dict(program.meta),
        precision=precision,
        versions={"zoo-export": own_version(), "torch": torch.__version__, **form.versions()},
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _plain(value: Any) -> Any:  # as JSON has it
    return str(value) if value is not None and not isinstance(value, bool | int | float | list | tuple) else value
