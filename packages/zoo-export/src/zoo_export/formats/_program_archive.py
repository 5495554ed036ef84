"""What a file of `torch.export` must be before PyTorch reads it: nothing in it runs but a network.

PyTorch's reader is made for files that one trusts. It unpickles; it takes texts for Python, as sizes of tensors and
guards are; it calls whatever `torch` has by name, and loads machine code that it finds in the archive. Files that zoo
has written need none of it but sums of sizes.
"""

import ast
import builtins
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from zoo_core.checkpoints import Archive, check_tensors

_LONGEST = 256 << 20
"""Bytes of a program as JSON, of which a large network has ten million."""
_REBUILDS = frozenset({"torch._tensor._rebuild_from_type_v2", "torch.Tensor"})
"""What a tensor with attributes is made by, as example inputs are: the tensor, as a tensor, and plain data."""
_NOT_LOADED = re.compile(r"(extra|extra_files)/\w+\.json|archive_format|archive_version|version|byteorder|\.data/\w+")
_TENSORS = re.compile(
    r"data/(sample_inputs|weights|constants)/\w+\.pt|serialized_(state_dict|constants|example_inputs)\.pt"
)
_PROGRAM = re.compile(r"models/\w+\.json|serialized_exported_program\.json")
_CONFIG = re.compile(r"data/(weights|constants)/\w+_config\.json")
_NUMBERS = re.compile(r"data/(weights/weight|constants/tensor)_\d+")

_OPERATOR = re.compile(
    r"""torch\.ops\.aten\.(?!(from_file|save)\.)\w+\.\w+
    | torch\.ops\.higher_order\.(cond|while_loop|scan|map_impl|wrap_with_(autocast|set_grad_enabled))
    | torch\.sym_\w+ | torch\._sym_\w+ | math\.[a-z]\w*
    | _operator\.(getitem|add|sub|mul|truediv|floordiv|mod|pow|neg|pos|eq|ne|lt|le|gt|ge|and_|or_|not_)
    """,
    re.VERBOSE,
)
"""What a program may call: PyTorch's operators but the two that open files, and arithmetic of sizes."""
_NAME = re.compile(r"[\w.]*|-Infinity")
_FREE_TEXTS = frozenset({"as_string", "torch_version", "verifiers"})
"""What PyTorch takes for a text."""
_SPEC_TEXTS = frozenset({"builtins.tuple", "builtins.list", "builtins.dict", "null", "[]"})
"""Of what inputs and outputs may be made."""
_FUNCTION = re.compile(
    r"""Symbol | Integer | Float | Rational | Add | Mul | Pow | Mod | PythonMod | Min | Max | Abs | And | Or | Not
    | floor | ceiling | Equality | Unequality | Eq | Ne | (Strict)?(Less|Greater)Than | L[te] | G[te] | Piecewise
    | ExprCondPair | Where | Identity | ModularIndexing | (Clean|Ceil|Floor)Div | (Int|Float)TrueDiv
    | (Ceil|Floor|Trunc|Round)To(Int|Float) | ToFloat | RoundDecimal | FloatPow | PowByNatural | [LR]Shift
    | IsNonOverlappingAndDenseIndicator
    """,
    re.VERBOSE,
)
"""By what sizes are computed, in sympy and in PyTorch."""
_TEXTS_OF_FUNCTIONS = {"Symbol": re.compile(r"\w+"), "Float": re.compile(r"[\w.+-]+")}
"""What such a function may be given as a text: others evaluate it."""
_OF_GUARDS = re.compile(r"min|max|abs|round|math\.[a-z]\w*|torch\._?sym_\w+|.*\.(size|stride|storage_offset)")
"""What guards call besides."""
_PLAIN = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.Tuple, ast.operator, ast.unaryop, ast.boolop,
    ast.cmpop, ast.expr_context,
)  # fmt: skip
"""Syntax that computes, and does nothing else."""


def check_program_archive(path: Path) -> None:
    """Refuse a file of which PyTorch would run something else than a network of its own operators.

    Raises:
        ValueError: It is one, or damaged; the text names what was found.
        OSError: It cannot be opened.
    """
    with path.open("rb") as file:
        _check(file)


def _check(file: BinaryIO) -> None:
    archive = Archive(file)
    for name, inner in _members(archive):
        if _NUMBERS.fullmatch(inner) or _NOT_LOADED.fullmatch(inner):
            continue
        try:
            if _TENSORS.fullmatch(inner):
                _check_tensors(archive, name)
            elif _CONFIG.fullmatch(inner):
                _check_config(archive, name, inner)
            elif _PROGRAM.fullmatch(inner):
                _check_program(json.loads(archive.read(name, _LONGEST)))
            else:
                raise ValueError("no file of a network's has such a thing")
        except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
            raise ValueError(f"{inner} in it is refused, as it may run code: {error}") from error


def _members(archive: Archive) -> list[tuple[str, str]]:
    """Return the names in an archive, and what they are within its one folder; the form of PyTorch 2.7 has none."""
    names = archive.names
    if "serialized_exported_program.json" in names:
        return [(name, name) for name in names]
    folders = {name.partition("/")[0] for name in names}
    if len(folders) != 1:
        raise ValueError(f"it has the folders {', '.join(sorted(folders)):.200}, of which there should be one")
    return [(name, name.partition("/")[2]) for name in names]


def _check_tensors(archive: Archive, name: str) -> None:
    content = archive.read(name, _LONGEST << 4)
    if content:
        check_tensors(io.BytesIO(content), also=_REBUILDS)


def _check_config(archive: Archive, name: str, inner: str) -> None:
    """Check what says which tensor is where: some are pickled, and others are no tensors."""
    folder, outer = inner.rpartition("/")[0], name.rpartition("/")[0]
    for payload in json.loads(archive.read(name, _LONGEST))["config"].values():
        if not _NUMBERS.fullmatch(f"{folder}/{payload['path_name']}"):
            raise ValueError(f"it has an object of another kind than tensors, {payload['path_name']!r:.80}")
        if payload["use_pickle"]:
            _check_tensors(archive, f"{outer}/{payload['path_name']}")


def _check_program(document: Any) -> None:  # JSON
    """Check all texts of a program that PyTorch runs, or puts into what it runs."""
    for key, text in dict.fromkeys(_texts(document)):  # sizes come again and again
        if key == "expr_str":
            _check_size(text)
        elif key == "guards_code":
            _check_guard(text)
        elif key in {"in_spec", "out_spec"}:
            _check_spec(text)
        elif key in {"target", "as_operator"}:
            if not _OPERATOR.fullmatch(text):
                raise ValueError(f"it calls {text!r:.80}, which is no operator of a network's")
        elif key not in _FREE_TEXTS and not _NAME.fullmatch(text):
            raise ValueError(f"it has the name {text!r:.80}, expected letters, digits and points")


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield all texts in JSON, and under which names they are; metadata, which are for people, are left out."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each, key)
    elif isinstance(value, dict):
        for name, each in value.items():
            if name == "constant_input":
                raise ValueError("it has an input that is no tensor")
            if name != "metadata":
                yield from _texts(each, name)


def _check_spec(text: str) -> None:
    """Check of what inputs or outputs are made: tensors in tuples, lists, and dictionaries without names."""
    for _, found in _texts(json.loads(text)):
        if found not in _SPEC_TEXTS:
            raise ValueError(f"it takes or gives {found!r:.80}, expected tensors in tuples and lists")


def _check_size(text: str) -> None:
    """Check the size of a tensor, which sympy evaluates as Python."""
    tree = _parsed(text)
    numbers = {
        argument
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in _TEXTS_OF_FUNCTIONS
        for argument in call.args
        if isinstance(argument, ast.Constant)
        and isinstance(argument.value, str)
        and _TEXTS_OF_FUNCTIONS[call.func.id].fullmatch(argument.value)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            known = isinstance(node.func, ast.Name) and bool(_FUNCTION.fullmatch(node.func.id))
        elif isinstance(node, ast.Name):
            known = bool(_FUNCTION.fullmatch(node.id)) or not hasattr(builtins, node.id)
        else:
            known = isinstance(node, (*_PLAIN, ast.keyword)) or node in numbers or _is_number(node)
        if not known:
            raise ValueError(f"it computes a size by {ast.unparse(node)!r:.80}")


def _check_guard(text: str) -> None:
    """Check what has to be true of the sizes of inputs, which PyTorch runs as Python."""
    tree = _parsed(text)
    called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call) and not node.keywords}
    named = {node.slice for node in ast.walk(tree) if isinstance(node, ast.Subscript)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            known = node.func in called and isinstance(node.func, ast.Name | ast.Attribute)
        elif isinstance(node, ast.Name | ast.Attribute) and (node in called or isinstance(node, ast.Attribute)):
            name = ast.unparse(node)
            known = node in called and bool(_OF_GUARDS.fullmatch(name) or _FUNCTION.fullmatch(name))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            known = node in named and node.value.isidentifier()
        else:
            known = isinstance(node, (*_PLAIN, ast.Name, ast.Subscript)) or _is_number(node)
        if not known:
            raise ValueError(f"it has a guard with {ast.unparse(node)!r:.80}")


def _is_number(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float)


def _parsed(text: str) -> ast.Expression:
    """Parse an expression of one line, of characters that all who read it take for the same."""
    if not text.isascii() or not text.isprintable() or re.search(r"""[#\\"{}@`;]|!(?!=)""", text):
        raise ValueError(f"it has the expression {text!r:.80}")
    return ast.parse(text, mode="eval")
