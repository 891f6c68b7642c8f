"""Which functions of upgrades/commands write, and who calls them: read from the source, so that a new command is found by itself."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "upgrades" / "commands"
TRAIL = "audit"  # what writes the trail itself
ENTRY_POINTS = ("upgrades", "dashboard")
WRITES = {
    "save",
    "create",
    "update",
    "delete",
    "bulk_create",
    "bulk_update",
    "get_or_create",
    "update_or_create",
    "add",
    "set",
    "clear",
    "writing",
    "writing_to",
    "create_user",
    "create_superuser",
}
NOT_ROWS = {"hashlib", "seen", "found"}  # what has an `add` or `update` and is no row


@dataclass
class Function:
    module: str
    name: str
    writes: bool = False
    marks: set[str] = field(default_factory=set)
    calls: set[tuple[str, str]] = field(default_factory=set)

    @property
    def key(self) -> tuple[str, str]:
        return self.module, self.name

    @property
    def is_marked(self) -> bool:
        return bool(self.marks & {"audited", "unaudited"})


def functions() -> dict[tuple[str, str], Function]:
    found = {}
    for path in sorted(PACKAGE.glob("*.py")):
        for function in _of_module(path.stem, ast.parse(path.read_text())):
            found[function.key] = function
    return found


def _of_module(module: str, tree: ast.Module) -> Iterator[Function]:
    own = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    names = {**_imported(tree), **{node.name: (module, node.name) for node in own}}
    for node in own:
        yield _read(Function(module, node.name), node, names)


def _imported(tree: ast.Module) -> dict[str, tuple[str, str]]:
    """By the name that stands in this module: (module of ours, its function); "" for a whole module."""
    names: dict[str, tuple[str, str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "upgrades.commands":
            names |= {alias.asname or alias.name: (alias.name, "") for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("upgrades.commands."):
            module = str(node.module).rpartition(".")[2]
            names |= {alias.asname or alias.name: (module, alias.name) for alias in node.names}
    return names


def _read(function: Function, node: ast.FunctionDef, names: dict[str, tuple[str, str]]) -> Function:
    function.marks = {_last(mark.func if isinstance(mark, ast.Call) else mark) for mark in node.decorator_list}
    for inner in ast.walk(node):
        if isinstance(inner, ast.Call) and _last(inner.func) in WRITES and _first(inner.func) not in NOT_ROWS:
            function.writes = True
        if isinstance(inner, ast.Name) and names.get(inner.id, ("", ""))[1]:
            function.calls.add(names[inner.id])
        if isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name) and inner.value.id in names:
            function.calls.add((names[inner.value.id][0], inner.attr))
    return function


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _first(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def unmarked_writers(all_of_them: dict[tuple[str, str], Function]) -> set[tuple[str, str]]:
    """Those that write without a mark, by themselves or through others that have none."""
    others = {key: function for key, function in all_of_them.items() if key[0] != TRAIL and not function.is_marked}
    writers = {key for key, function in others.items() if function.writes}
    while True:
        more = {key for key, function in others.items() if function.calls & writers} - writers
        if not more:
            return writers
        writers |= more


def used_from_outside() -> set[tuple[str, str]]:
    """What entry points, and whoever else is not in upgrades/commands, take from there."""
    found: set[tuple[str, str]] = set()
    for folder in ENTRY_POINTS:
        for path in (ROOT / folder).rglob("*.py"):
            if PACKAGE not in path.parents:
                found |= _used(ast.parse(path.read_text()))
    return found


def _used(tree: ast.Module) -> set[tuple[str, str]]:
    names = _imported(tree)
    used = {name for name in names.values() if name[1]}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names:
            used.add((names[node.value.id][0], node.attr))
    return used
