"""The public names of all packages, read from their stubs and modules: nothing of them is imported."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

_ELSEWHERE = ("catalogue", "cli")
"""What packages state for the core to find, and commands: the gallery and the pages on commands tell of them."""
_ALL_THE_SAME = ("zoo_core.cli.plug_in",)
_MOST_ON_A_PAGE = 40


@dataclass(frozen=True)
class Name:
    """A public name.

    Args:
        full: As users import it, `zoo_core.images.read_image`: of several such names the shortest.
        defined: Where it is defined, `zoo_core.images._read.read_image`.
        page: The page of the site that describes it, without a suffix.
        aliases: Other public names of the same.
    """

    full: str
    defined: str
    page: str
    aliases: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        """The public module that it is imported from."""
        return self.full.rpartition(".")[0]

    @property
    def short(self) -> str:
        """Its last part."""
        return self.full.rpartition(".")[2]


@dataclass(frozen=True)
class Module:
    """A public module.

    Args:
        name: As it is imported.
        path: Its file.
        exported: The names that it has, each with where that comes from.
    """

    name: str
    path: Path
    exported: dict[str, str]

    @cached_property
    def docstring(self) -> str:
        """Its docstring."""
        return ast.get_docstring(ast.parse(self.path.read_text(encoding="utf-8"))) or ""

    @property
    def is_split(self) -> bool:
        """Whether its names have a page a family, as those of packages with many models."""
        return len(self.exported) > _MOST_ON_A_PAGE and (self.path.parent / "catalogue").is_dir()


def public_modules(repository: Path) -> dict[str, Module]:
    """Return the public modules of all packages, by their names."""
    found = {}
    for path in sorted(repository.glob("packages/*/src/*/**/*.py")):
        parts = path.relative_to(repository).with_suffix("").parts[3:]
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        if any(part.startswith("_") for part in name.split(".")):
            continue
        if not set(parts).isdisjoint(_ELSEWHERE) and name not in _ALL_THE_SAME:
            continue
        stub = path.with_suffix(".pyi")
        tree = ast.parse((stub if stub.exists() else path).read_text(encoding="utf-8"))
        found[name] = Module(name, path, dict(_imported(tree, name) if stub.exists() else _own(tree, name)))
    return found


def public_names(modules: dict[str, Module]) -> list[Name]:
    """Return every public name once, in the order of modules and of what they list."""
    by_origin: dict[str, list[str]] = {}
    for module in modules.values():
        for short, origin in module.exported.items():
            by_origin.setdefault(_origin(origin, modules), []).append(f"{module.name}.{short}")
    names = []
    for defined, known in by_origin.items():
        full, *aliases = sorted(known, key=lambda name: (name.count("."), name))
        names.append(Name(full, defined, _page(full, defined, modules), tuple(aliases)))
    return names


def _page(full: str, defined: str, modules: dict[str, Module]) -> str:
    module, origin = modules[full.rpartition(".")[0]], defined.rpartition(".")[0]
    if not module.is_split:
        return f"api/{module.name}"
    if origin in modules:
        return f"api/{origin}"
    return f"api/{module.name}/{origin.rpartition('.')[2].removeprefix('_')}"


def _origin(name: str, modules: dict[str, Module]) -> str:
    """Return where a name is defined that a module may have from another one's stub."""
    module, _, short = name.rpartition(".")
    while module in modules and (origin := modules[module].exported.get(short, name)) != name:
        name = origin
        module, _, short = name.rpartition(".")
    return name


def _imported(tree: ast.Module, module: str) -> Iterator[tuple[str, str]]:
    """Yield what a stub, or another module, imports by name, and where that comes from; `module`: its package."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module:
            origin = f"{module}.{node.module}" if node.level else node.module
            yield from ((alias.asname or alias.name, f"{origin}.{alias.name}") for alias in node.names)


def _own(tree: ast.Module, module: str) -> Iterator[tuple[str, str]]:
    """Yield the public functions, classes and documented values of a module; what `__all__` says, if it is there."""
    listed = _listed(tree)
    if listed is not None:
        package = module.rpartition(".")[0]
        imported = {short: origin for short, origin in _imported(tree, package) if short in listed}
        yield from imported.items()
        return
    for node, after in zip(tree.body, [*tree.body[1:], None], strict=True):
        name = _assigned(node) if _is_docstring(after) else getattr(node, "name", None)
        if isinstance(name, str) and not name.startswith("_"):
            yield name, f"{module}.{name}"


def _listed(tree: ast.Module) -> list[str] | None:
    values = [node.value for node in tree.body if isinstance(node, ast.Assign) and _assigned(node) == "__all__"]
    literal = next((value for value in values if isinstance(value, ast.List)), None)
    return None if literal is None else ast.literal_eval(literal)


def _assigned(node: ast.stmt) -> str | None:
    target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
    return target.id if isinstance(target, ast.Name) else getattr(node, "name", None)


def _is_docstring(node: ast.stmt | None) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
