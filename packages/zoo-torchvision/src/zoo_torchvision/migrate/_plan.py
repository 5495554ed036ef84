"""Decides for everything that a file has of torchvision whether it moves to zoo, or stays and why."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import libcst as cst
from libcst.metadata import ClassScope, Scope

from zoo_torchvision._models import MODULES

from ._dynamic import BUILDER_BY_NAME, Dynamic, dynamic_use, module_argument
from ._imports import Imported
from ._left import Left
from ._targets import Replacement, Unknown, Whole, look_up
from ._uses import SourceFile, Use

_LIST_MODELS = "torchvision.models.list_models"
_DOTTED = re.compile(r"(?<![\w.])([^\W\d]\w*)((?:\.[^\W\d]\w*)*)")

_STAR = "a star does not say which names the program uses: import them by name"
_HIDDEN = "a function has the name of the module: import what is used of it by name"
_UNUSED = "nothing in this file uses it by name: take it out unless another file needs it"
_EXPORTED = "__all__ gives it to other files"
_OF_CLASS = "an attribute of a class may be used anywhere"
_GLOBAL = "it is imported where `global` or `nonlocal` gives it to another place"
_COMMENT = "a comment stands within it"
_CHANGED = "the program puts something else in its place"
_AS_WHOLE = "the module is used as a whole, and its names are in several places here"
_MODELS_AS_WHOLE = (
    f"the module is used as a whole: {BUILDER_BY_NAME}(name) gives a builder, zoo_core.list_models() the names"
)
_UNKNOWN_MODULE = "it is called with a module that only the running program knows: zoo_core.list_models takes zoo's"


@dataclass
class Plan:
    """What is written anew of a file.

    Args:
        expressions: What takes the place of expressions.
        texts: What takes the place of parts of texts that are annotations: from, to, and the code.
        moved: What names of import statements become.
        kept: What import statements keep.
        needed: The modules of zoo that stand for what an import statement had.
        left: What stays as it is.
    """

    expressions: dict[cst.CSTNode, Dynamic] = field(default_factory=dict)
    texts: dict[cst.CSTNode, list[tuple[int, int, str]]] = field(default_factory=lambda: defaultdict(list))
    moved: dict[Imported, Replacement] = field(default_factory=dict)
    kept: set[Imported] = field(default_factory=set)
    needed: dict[Imported, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    left: list[Left] = field(default_factory=list)


Owned = tuple[Scope | None, str]
"""A name, and the scope that it is bound in."""


class Planner:
    """Plans a file.

    Args:
        file: It.
        imports: What it imports of torchvision, in the order of the file.
    """

    def __init__(self, file: SourceFile, imports: Iterable[Imported]) -> None:
        self.file = file
        self.plan = Plan()
        self.bound: dict[Owned, list[Imported]] = defaultdict(list)
        for each in imports:
            scope = file.scopes[each.statement]
            self.bound[scope and file.owner(scope, each.name), each.name].append(each)
        self.uses: dict[Owned, list[Use]] = defaultdict(list)
        self.dotted: dict[cst.CSTNode, str] = {}
        for use in file.uses():
            owned = file.owner(use.scope, use.name), use.name
            if owned in self.bound:
                self.uses[owned].append(use)
                self.dotted[use.nodes[-1]] = ".".join([self.bound[owned][0].target, *use.attributes])
        self.texts = self._uses_in_texts()
        self.lists = frozenset(self._calls_of_list_models())

    def run(self) -> Plan:
        """Return the plan."""
        for owned, imports in self.bound.items():
            modules = [each for each in imports if each.alias and isinstance(each.found, Whole)]
            for each in imports:
                if each not in modules:
                    self._plan_name(each)
            if modules:
                self._plan_module(owned, modules)
        return self.plan

    def _uses_in_texts(self) -> Mapping[Owned, list[tuple[cst.SimpleString, re.Match[str]]]]:
        found = defaultdict(list)
        for node, scope in self.file.annotations_in_texts():
            for match in _DOTTED.finditer(node.value):
                owned = self.file.owner(scope, match[1]), match[1]
                if owned in self.bound:
                    found[owned].append((node, match))
        return found

    def _calls_of_list_models(self) -> Iterator[cst.CSTNode]:
        for node, dotted in self.dotted.items():
            call = self.file.parents[node]
            if dotted == _LIST_MODELS and isinstance(call, cst.Call) and call.func is node:
                yield call

    def _leave(self, node: cst.CSTNode, name: str, reason: str) -> None:
        self.plan.left.append(Left(self.file.line(node), (name,), reason))

    def _keep(self, imported: Imported, reason: str, name: str = "") -> None:
        self.plan.kept.add(imported)
        self._leave(imported.statement, name or imported.path or imported.target, reason)

    def _plan_name(self, imported: Imported) -> None:
        found = imported.found
        if imported.alias is None:
            self._keep(imported, _STAR, f"{imported.target}.*")
        elif isinstance(found, Unknown):
            self._keep(imported, found.reason)
        elif isinstance(imported.statement, cst.Import) or isinstance(found, Whole):
            self._keep(imported, _HIDDEN)
        elif found.theirs == _LIST_MODELS and not all(map(self._is_known_list, self.lists)):
            self._keep(imported, _UNKNOWN_MODULE)
        else:
            self.plan.moved[imported] = found

    def _plan_module(self, owned: Owned, imports: list[Imported]) -> None:
        if reason := self._unclear(owned, imports):
            for each in imports:
                self._keep(each, reason)
            return
        uses, texts = self.uses[owned], self.texts.get(owned, [])
        if not uses and not texts:
            for each in imports:
                self._keep(each, _UNUSED)
            return
        stay = [name for use in uses for name in self._plan_use(use, imports)]
        stay += [name for node, match in texts for name in self._plan_text(node, match, imports)]
        if owned[1] in self.file.exported:
            self._leave(imports[0].statement, imports[0].target, _EXPORTED)
            stay.append(imports[0].target)
        if stay:
            needed = [each for each in imports if any(f"{name}.".startswith(f"{each.path}.") for name in stay)]
            self.plan.kept |= {each for each in imports if not each.path} | set(needed)
            if not self.plan.kept & set(imports):
                self.plan.kept |= set(imports)

    def _unclear(self, owned: Owned, imports: list[Imported]) -> str:
        """Return why uses of a module cannot be understood; empty where they can."""
        scope, name = owned
        if scope is None or isinstance(scope, ClassScope):
            return _OF_CLASS
        if any(self.file.scopes[each.statement] is not scope for each in imports):
            return _GLOBAL
        others = self.file.other_assignments(scope, name, frozenset(each.statement for each in imports))
        if others:
            lines = ", ".join(map(str, sorted({self.file.line(node) for node in others})))
            return f"`{name}` is given another value, too: line {lines}"
        return f"`{name}` is given to several modules" if len({each.target for each in imports}) > 1 else ""

    def _plan_use(self, use: Use, imports: list[Imported]) -> list[str]:
        """Plan one use of a module, and return what of it stays."""
        target, dotted = imports[0].target, self.dotted[use.nodes[-1]]
        found = look_up(dotted)
        node = use.nodes[found.theirs.count(".") - target.count(".")]
        if isinstance(found, Unknown):
            reason = found.reason
        elif self.file.is_changed(node):
            reason = _CHANGED
        else:
            new = self._whole(use, node, found) if isinstance(found, Whole) else self._named(node, found)
            reason = self._hindrance(new) if new else _why_not(found)
            if new and not reason:
                self.plan.expressions[new.node] = new
                self._need(imports, new.module)
                return []
        self._leave(use.nodes[0], found.theirs, reason)
        return [found.theirs]

    def _plan_text(self, node: cst.SimpleString, match: re.Match[str], imports: list[Imported]) -> list[str]:
        """Plan one use of a module in an annotation that is a text, and return what of it stays."""
        dotted = f"{imports[0].target}{match[2]}"
        found = look_up(dotted)
        hidden = self._hidden(found.module) if isinstance(found, Replacement) else ""
        if not isinstance(found, Replacement) or hidden:
            self._leave(node, found.theirs, hidden or (found.reason if isinstance(found, Unknown) else _why_not(found)))
            return [found.theirs]
        rest = dotted.removeprefix(found.theirs)
        self.plan.texts[node].append((*match.span(), f"{found.module}.{found.name}{rest}"))
        self._need(imports, found.module)
        return []

    def _need(self, imports: list[Imported], module: str) -> None:
        for each in imports:
            self.plan.needed[each][module] = None

    def _named(self, node: cst.CSTNode, found: Replacement) -> Dynamic | None:
        if found.theirs == _LIST_MODELS and not self._is_known_list(self.file.parents[node]):
            return None
        return Dynamic(node, f"{found.module}.{found.name}", None, found.module)

    def _whole(self, use: Use, node: cst.CSTNode, found: Whole) -> Dynamic | None:
        return dynamic_use(self.file, use, node, found.theirs, self.lists)

    def _is_known_list(self, call: cst.CSTNode) -> bool:
        """Tell whether a call of `list_models` names no module, or one of torchvision's; a mere name is no call."""
        argument = module_argument(call) if isinstance(call, cst.Call) else None
        if not isinstance(call, cst.Call) or call not in self.lists:
            return False
        if argument is None or (isinstance(argument.value, cst.Name) and argument.value.value == "None"):
            return True
        return self.dotted.get(argument.value) in MODULES

    def _hindrance(self, new: Dynamic) -> str:
        inside = self.file.code(new.node.with_changes(lpar=(), rpar=()))  # parentheses stay, with what is in them
        return _COMMENT if "#" in inside else self._hidden(new.module)

    def _hidden(self, module: str) -> str:
        root = module.partition(".")[0]
        return f"the program has a `{root}` of its own" if root in self.file.names_of_its_own else ""


def _why_not(found: Replacement | Whole) -> str:
    if isinstance(found, Whole):
        return _MODELS_AS_WHOLE if found.theirs in MODULES else _AS_WHOLE
    return _UNKNOWN_MODULE
