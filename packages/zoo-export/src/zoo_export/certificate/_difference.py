"""Where an exported file first differs: parts of the program are exported by themselves, and compared one by one."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from zoo_export._exported import Exported
from zoo_export._facts import ExportError, Facts, TensorFact
from zoo_export._precision import own_network
from zoo_export._program import Program
from zoo_export._recording import lengths_in, record_part
from zoo_export.formats import Format

from ._cases import cases
from ._certificate import Certificate, Compared

PREPROCESSING = "what the network gets"
"""What the inputs of the network are called beside the names of its modules."""


def first_difference(program: Program, exported: Program, facts: Facts, form: Format, certificate: Certificate) -> str:
    """Say where an exported file first gives something else than the model.

    The preprocessing is compared first, then outputs of the network's modules, in a bisection: each time the program up
    to there is exported by itself, and run in the file's runtime beside the model.

    Args:
        program: The model.
        exported: What was exported.
        facts: Of the file.
        form: Of the file.
        certificate: What was found; the input that differs most is looked at.

    Returns:
        A sentence.
    """
    worst = max(certificate.inputs, key=lambda each: (not each.agrees, each.difference))
    lengths = lengths_in(program.inputs, facts.inputs)
    inputs = next(found for what, found in cases(program, lengths) if what == worst.what)
    parts = _Parts(program, exported, facts, form, inputs, certificate.tolerance)
    return f"On {worst.what} (different by {worst.difference:.1e}): {_told(parts, worst)}"


def _told(parts: "_Parts", worst: Compared) -> str:
    names = list(parts.expected)
    try:
        if not names:
            return "nothing in between can be compared."
        if parts.difference(names[0]) is not None:
            return f"{names[0]} differs by {parts.difference(names[0]):.1e} already."
        if parts.difference(names[-1]) is None:
            return f"the network agrees up to {names[-1]}; what is made of its outputs differs."
        last, first = _bisected(lambda place: parts.difference(names[place]) is None, len(names) - 1)
    except ExportError as error:
        return f"where it differs could not be found out: {error}"
    return f"{names[first]} differs by {parts.difference(names[first]):.1e}, {names[last]} before it agrees."


def _bisected(agrees: Callable[[int], bool], different: int) -> tuple[int, int]:
    """Return neighbours of which the first agrees and the second does not; 0 does, and `different` does not."""
    same = 0
    while different - same > 1:
        middle = (same + different) // 2
        same, different = (middle, different) if agrees(middle) else (same, middle)
    return same, different


class _Parts:
    """The program up to one place after the other.

    Args:
        program: The model.
        exported: What was exported.
        facts: Of the file.
        form: Of the file.
        inputs: What both are given.
        tolerance: The largest difference that is allowed, where values are not above 1.
    """

    def __init__(
        self,
        program: Program,
        exported: Program,
        facts: Facts,
        form: Format,
        inputs: tuple[Tensor, ...],
        tolerance: float,
    ) -> None:
        self._program, self._facts, self._form = exported, facts, form
        self._inputs, self._tolerance = inputs, tolerance
        self._found: dict[str, float | None] = {}
        with torch.no_grad(), _listening(program.model, None) as self.expected:
            program.reference(inputs)

    def difference(self, name: str) -> float | None:
        """Return by how much a place differs, or `None` where it agrees."""
        if name not in self._found:
            self._found[name] = self._compared(name)
        return self._found[name]

    def _compared(self, name: str) -> float | None:
        expected = self.expected[name]
        found = self._run(name)
        if found.shape != expected.shape:
            return float("inf")
        if not found.numel():
            return None
        difference = (found.double() - expected.double()).abs().max().item()
        return None if difference <= self._tolerance * max(1.0, expected.abs().max().item()) else difference

    def _run(self, name: str) -> Tensor:
        lengths = lengths_in(self._program.inputs, self._facts.inputs)
        recorded = record_part(_UpTo(self._program, name), self._program, lengths)
        axes = tuple(f"axis_{place}" for place in range(self.expected[name].ndim))
        facts = replace(self._facts, outputs=(TensorFact("found", "float32", axes),))
        with tempfile.TemporaryDirectory(prefix="zoo-export-") as folder:
            path = Path(folder) / f"part{self._form.suffix}"
            self._form.write(recorded, facts, path)
            part = Exported(path, self._form.load(path))
            return torch.from_numpy(part(*(each.numpy() for each in self._inputs))["found"].copy())


class _UpTo(nn.Module):
    """A program up to the output of a module of its network."""

    def __init__(self, program: Program, name: str) -> None:
        super().__init__()
        self.program, self.name = program, name

    def forward(self, *inputs: Tensor) -> tuple[Tensor]:
        with _listening(self.program.model, self.name) as heard:
            self.program(*inputs)
        return (heard[self.name],)


@contextmanager
def _listening(model: nn.Module, only: str | None) -> Iterator[dict[str, Tensor]]:
    """Collect what the network gets and what its modules give first, in order; or one of these only."""
    heard: dict[str, Tensor] = {}

    def hear(name: str, value: object) -> None:
        tensors = [each for each in tree_leaves(value) if isinstance(each, Tensor)]
        if len(tensors) == 1 and tensors[0].is_floating_point() and (only is None or name == only):
            heard.setdefault(name, tensors[0].float().clone())

    def before(_module: nn.Module, arguments: Any) -> None:
        hear(PREPROCESSING, arguments)

    def after(name: str) -> Callable[[nn.Module, Any, Any], None]:
        return lambda _module, _arguments, result: hear(name, result)

    modules = [(name, module) for name, module in own_network(model).named_modules() if name]
    handles = [model.register_forward_pre_hook(before)]
    handles += [module.register_forward_hook(after(name)) for name, module in modules if only in {None, name}]
    try:
        yield heard
    finally:
        for handle in handles:
            handle.remove()
