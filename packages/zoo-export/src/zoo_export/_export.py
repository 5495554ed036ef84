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

from ._calibration import NOISE, Pictures
from ._exported import Exported, load_exported
from ._facts import ExportError, Facts, own_version
from ._precision import INT8, TOLERANCES, in_precision
from ._program import Program, evaluating
from ._recording import SIDES, check_axes, record, with_lengths
from .certificate import Certificate, CertificateError, certificate_path, certify, first_difference
from .formats import Format, format_of, get_format

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
    calibration: Path | str | None = None,
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
        to: The format: `"pt2"`, `"aoti"`, `"onnx"`, `"openvino"` or `"executorch"`.
        output: The file.
        weights: One of the model's entries.
        network: The network, where it is built already. Its modules are in the modes afterwards that they were in.
        raw: Export the network alone.
        fixed: Axes that have one length: some of `"batch"`, `"height"`, `"width"`. A fixed batch is of one.
        size: Height and width in pixels, which all inputs then have.
        precision: `"float32"`, `"float16"`, `"bfloat16"` or `"int8"`: what the network computes in.
        calibration: For int8: a folder of at least 64 pictures like those that the file will be given. Three of four,
            300 at most, show which ranges values have, and the file is compared on others. `"noise"` is random numbers.
        certificate: Whether the file is compared with the model.
        tolerance: The largest difference that is allowed; by default that of the task's program, in `"float16"` at
            least 0.02, in `"bfloat16"` 0.1. In `"int8"` it is the average over the pictures, 0.1, and 90 % of the
            labels have to be the model's.
        told: Called with what is done next, for people.
        **options: Of the task's program.

    Returns:
        The exported model, in its runtime.

    Raises:
        ValueError: There is no such model, format, precision, axis or option, the model's task has no program to
            export, a size or pictures are needed, or these are too few.
        FileNotFoundError: There is no such folder of pictures.
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
    if not form.is_name(path) or format_of(path).name != form.name:
        raise ValueError(f"Files of the format {to} end in {form.suffix}, found {path.name}.")
    kind, member = program_class(model), member_of(model, weights)
    kept, lengths = check_axes(kind, model, _fixed(form, kind, fixed, size, raw=raw), size, raw=raw)
    kind.check_options(model, options, raw=raw)
    kind.check_precision(model, precision)
    pictures = _pictures(precision, calibration)
    form.require_writing(precision)
    kind.require()
    told(f"building {model}")
    built = network if network is not None else built_model(model, member)
    with evaluating(built):
        program = kind(built, member, raw=raw, **options)
        narrow = kind(in_precision(program.model, precision), member, raw=raw, **options)
        if pictures is not None:
            _check_takes_pictures(model, program)
        facts = _facts(to, model, member, program, lengths, precision, form, pictures)
        path.parent.mkdir(parents=True, exist_ok=True)
        with _scratch(path) as written:
            told(f"recording {model}")
            recorded = record(narrow, fixed=sorted(kept), size=size)
            told(f"writing {to}")
            calibrating = None if pictures is None else pictures.inputs(program, lengths)
            form.write(recorded, facts, written, calibration=calibrating)
            if certificate:
                told("comparing with the model")
                allowed = allowed_difference(program, precision) if tolerance is None else tolerance
                _prove(path, program, narrow, load_exported(written), form, allowed, pictures)
            _move(form, written, path)
    return load_exported(path)


def verify(
    path: Path | str,
    *,
    model: str | None = None,
    weights: WeightsEnum | str | None = None,
    calibration: Path | str | None = None,
    tolerance: float | None = None,
    told: Told = lambda _what: None,
) -> Certificate:
    """Compare an exported file again with the model that it names, on this machine.

    Args:
        path: The file.
        model: Where that model is now, if the file names a folder that has moved.
        weights: One of the model's entries, in place of the one that the file names, or of `DEFAULT` of `model`.
        calibration: Of an int8 file: the folder of pictures, as for `export`.
        tolerance: As for `export`.
        told: Called with what is done next, for people.

    Returns:
        What was found; `holds` tells whether the file agrees.

    Raises:
        ValueError: The file names a model that is not known here, or pictures are needed.
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
    pictures = _pictures(facts.precision, calibration or _noise(facts))
    name = model or facts.model
    usual = "DEFAULT" if model or facts.weights is None else facts.weights
    member = member_of(name, usual if weights is None else weights)
    digest = member.file.digest
    if facts.sha256 and digest and not (digest.matches(facts.sha256) or facts.sha256.startswith(digest.hexadecimal)):
        raise ExportError(
            f"{path} was exported with weights of the SHA-256 {facts.sha256}, and {name} has {digest} here."
        )
    told(f"building {name}")
    program = program_class(name)(built_model(name, member), member, raw=facts.raw, **facts.options)
    told("comparing with the model")
    allowed = allowed_difference(program, facts.precision) if tolerance is None else tolerance
    return certify(program, exported, tolerance=allowed, pictures=pictures)


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


def _fixed(
    form: Format, kind: type[Program], fixed: Sequence[str], size: tuple[int, int] | None, *, raw: bool
) -> Sequence[str]:
    """Return the axes that have one length: those asked for, or all, where the format takes no others.

    Raises:
        ValueError: That needs a size.
    """
    if form.any_length:
        return fixed
    axes = kind.axes(raw=raw)
    if size is not None:
        return axes
    if not set(SIDES) & set(axes):
        return axes
    raise ValueError(
        f"Files of the format {form.name} take inputs of one size: give size=(480, 640), on the command line --size "
        "640x480."
    )


def _pictures(precision: str, calibration: Path | str | None) -> Pictures | None:
    """Return the pictures that int8 needs.

    Raises:
        ValueError: They are missing, or another precision needs none.
    """
    if precision != INT8 and calibration is not None:
        raise ValueError(f"Pictures for calibration are for int8, and this is {precision}: on the command line --int8.")
    if precision == INT8 and calibration is None:
        raise ValueError(
            "int8 needs a folder of pictures like those that the file will be given, which show what ranges values "
            f"have: calibration=…, on the command line --calibrate FOLDER. {NOISE!r} in its place is random numbers, "
            "only to try whether a model can be quantized: labels are lost."
        )
    return None if calibration is None else Pictures.of(calibration)


def _noise(facts: Facts) -> str | None:
    """Return that a file was quantized with noise, if so."""
    quantization = facts.quantization or {}
    return NOISE if quantization.get("calibration") == Pictures(NOISE).facts() else None


def _check_takes_pictures(model: str, program: Program) -> None:
    """Raise an error if a program's inputs are not single pictures.

    Raises:
        ExportError: The text names them.
    """
    names = ", ".join(fact.name for fact in program.inputs)
    if len(program.inputs) > 1 or len(program.inputs[0].axes) > len(("batch", "height", "width", "channels")):
        raise ExportError(f"int8 is for models of single pictures: {model} takes {names}, which a folder cannot give.")


def _prove(
    path: Path,
    program: Program,
    narrow: Program,
    exported: Exported,
    form: Format,
    tolerance: float,
    pictures: Pictures | None,
) -> None:
    """Write the certificate, or raise an error that says where the file first differs."""
    found = certify(program, exported, tolerance=tolerance, pictures=pictures)
    if not found.holds:
        where = (
            first_difference(program, narrow, exported.facts, form, found)
            if pictures is None
            else "Calibrate with more pictures, and with such as are like those to come; or export it with --half."
        )
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
    pictures: Pictures | None,
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
        quantization=None if pictures is None else {"how": form.quantizer, "calibration": pictures.facts()},
        versions={"zoo-export": own_version(), "torch": torch.__version__, **form.versions(precision)},
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _plain(value: Any) -> Any:  # as JSON has it
    return str(value) if value is not None and not isinstance(value, bool | int | float | list | tuple) else value
