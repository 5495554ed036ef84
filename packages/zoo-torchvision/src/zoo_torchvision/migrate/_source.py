"""Migrates the text of one program."""

import ast
import warnings
from dataclasses import dataclass

import libcst as cst

from zoo_torchvision._table import ROOT

from ._hub import HubCalls, names_torchvision
from ._imports import Imported, imported_by
from ._left import Left, grouped
from ._plan import Planner
from ._rewrite import Rewriter
from ._uses import SourceFile

_MENTIONS = (b"torchvision", b"pytorch/vision")


class MigrationError(ValueError):
    """A file is no Python that can be read. The message says where."""


@dataclass(frozen=True)
class Migration:
    """What a program was and what it becomes.

    Args:
        before: The program.
        after: The program for zoo; equal where nothing changes.
        left: What of torchvision is left in it, by line.
        encoding: In which encoding it is written.
    """

    before: bytes
    after: bytes
    left: tuple[Left, ...] = ()
    encoding: str = "utf-8"

    @property
    def is_changed(self) -> bool:
        """Whether anything changes."""
        return self.before != self.after


def migrate_source(source: bytes | str) -> Migration:
    r"""Turn a program that was written for torchvision into one for zoo's packages.

    Imports and uses of what zoo has are written anew; comments and layout stay. All else stays as it is, and is listed.

    Args:
        source: The program. Bytes are decoded as Python does.

    Raises:
        MigrationError: It is no Python that can be read.

    Example:
        >>> from zoo_torchvision.migrate import migrate_source
        >>> migrated = migrate_source("from torchvision.models import resnet18  # small\n")
        >>> migrated.after.decode()
        'from zoo_classification import resnet18  # small\n'
        >>> migrate_source("from torchvision.datasets import CocoDetection\n").left[0].names
        ('torchvision.datasets.CocoDetection',)
    """
    content = source.encode() if isinstance(source, str) else source
    if not any(mention in content for mention in _MENTIONS):
        return Migration(content, content)
    try:
        if not _is_used(_parsed(content)):
            return Migration(content, content)
        module = cst.parse_module(content)
        after, left = _migrated(module)
    except SyntaxError as error:
        raise MigrationError(f"line {error.lineno}: {error.msg}" if error.lineno else error.msg) from None
    except cst.ParserSyntaxError as error:
        raise MigrationError(f"line {error.editor_line}: libcst cannot read it") from error
    except (RecursionError, MemoryError):
        raise MigrationError("its expressions are nested too deeply") from None
    return Migration(content, after, left, module.encoding)


def _parsed(content: bytes) -> ast.AST:
    """Let Python say what is wrong with a program; libcst ends the process where brackets are nested too deeply."""
    if b"\0" in content:
        raise MigrationError("it has null bytes")
    with warnings.catch_warnings(action="ignore"):  # of escapes in its texts
        return ast.parse(content)


def _is_used(program: ast.AST) -> bool:
    """Tell whether anything but comments, and texts that are no names, has to do with torchvision."""
    for node in ast.walk(program):
        match node:
            case ast.alias(name=name) | ast.ImportFrom(module=str(name), level=0) if name.partition(".")[0] == ROOT:
                return True
            case ast.Constant(value=str(text)) if names_torchvision(text):
                return True
            case ast.Attribute(attr="torchvision"):
                return True
    return False


def _migrated(module: cst.Module) -> tuple[bytes, tuple[Left, ...]]:
    file = SourceFile(module)
    imports = _Imports()
    file.module.visit(imports)
    plan = Planner(file, imports.found).run()
    calls = HubCalls(file, plan.texts)
    file.module.visit(calls)
    written = file.module.visit(Rewriter(file, plan, imports.found, calls.edits))
    return written.bytes, grouped([*plan.left, *calls.left])


class _Imports(cst.CSTVisitor):
    """Collects what is imported of torchvision."""

    def __init__(self) -> None:
        self.found: list[Imported] = []

    def visit_Import(self, node: cst.Import) -> None:
        self.found += imported_by(node)

    def visit_ImportFrom(self, node: cst.ImportFrom) -> None:
        self.found += imported_by(node)
