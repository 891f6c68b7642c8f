"""One script for each page: its module and all that it imports, in one file, so that a slow line asks once instead of eighty times.

The modules in static/js are what people read, and what browsers get with ROLLGRID_DEBUG. They keep to the few forms of `import` and
`export` that are named here; another form raises BundleError. Modules that import one another in a circle do so too.
"""

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

# `import { one, two as three } from "./x.js";`, `import * as all from "./x.js";`, `import "./x.js";`
IMPORT = re.compile(
    r'^import\s+(?:(?:\{(?P<names>[^}]*)\}|\*\s+as\s+(?P<all>[\w$]+))\s+from\s+)?"(?P<path>[^"]+)";\n?', re.M
)
# `export { one, two as three };`, `export { one } from "./x.js";`
EXPORT_LIST = re.compile(r'^export\s+\{(?P<names>[^}]*)\}(?:\s+from\s+"(?P<path>[^"]+)")?;\n?', re.M)
# `export function one`, `export const two`
EXPORT = re.compile(r"^export\s+(?=(?:async\s+)?(?:function\*?|class|const)\s+(?P<name>[\w$]+))", re.M)
# Whole lines only, as prettier leaves them: `// ...`, and `/** ... */` of one or of several lines.
COMMENT = re.compile(r"^[ \t]*(?://.*|/\*\*(?:[^*]|\*(?!/))*\*/[ \t]*)\n", re.M)
OTHER_FORM = re.compile(r"^\s*(?:import|export)\b(?!\().*$", re.M)

Read = Callable[[str], str]


class BundleError(Exception):
    """A module is not written in the forms that can be put together; says which, and where."""


@dataclass
class Module:
    """One module as the body of a function: `exports` has each exported name with the expression for it."""

    body: str
    exports: dict[str, str] = field(default_factory=dict)

    def as_object(self) -> str:
        """An expression for an object with all that it exports."""
        names = ", ".join(name if name == value else f"{name}: {value}" for name, value in sorted(self.exports.items()))
        return f"(() => {{\n{self.body}\nreturn {{ {names} }};\n}})()"


def bundle(entry: str, read: Read) -> str:
    """Return the script of a page: the module `entry` and all that it imports, each once and before those that import it.

    Comments on lines of their own are left out.

    `read` returns the text of a module by its path. Raises BundleError.
    """
    numbers: dict[str, int] = {}
    parts: list[str] = []
    _add(entry, read, numbers, parts, [])
    return "".join(parts)


def entries(modules: Mapping[str, str]) -> list[str]:
    """Which of these modules (path -> text) import others and are not imported: pages name them.

    A script that imports nothing stays as it is. It may be no module, whose names would be those of the whole page.
    """
    imported = {
        _path_from(path, named["path"])
        for path, text in modules.items()
        for pattern in (IMPORT, EXPORT_LIST)
        for named in pattern.finditer(text)
        if named["path"]
    }
    return sorted(path for path in modules.keys() - imported if IMPORT.search(modules[path]))


def without_comments(text: str) -> str:
    """The same without comments that have lines of their own."""
    return COMMENT.sub("", text)


def _add(path: str, read: Read, numbers: dict[str, int], parts: list[str], importers: list[str]) -> int:
    """Append the module and what it imports to `parts`, where they are not there yet. Returns its number."""
    if path in importers:
        raise BundleError(f"modules import one another in a circle: {' -> '.join([*importers, path])}")
    if path not in numbers:
        module = _module(path, read(path), lambda named: _add(named, read, numbers, parts, [*importers, path]))
        numbers[path] = len(numbers)
        parts.append(f"const module{numbers[path]} = {module.as_object()};\n")
    return numbers[path]


def _module(path: str, text: str, number_of: Callable[[str], int]) -> Module:
    module = Module("")

    def imported(found: re.Match[str]) -> str:
        source = f"module{number_of(_path_from(path, found['path']))}"
        if found["all"]:
            return f"const {found['all']} = {source};\n"
        if found["names"] is None:
            return ""
        names = ", ".join(name if name == here else f"{name}: {here}" for name, here in _names(found["names"]))
        return f"const {{ {names} }} = {source};\n"

    def listed(found: re.Match[str]) -> str:
        source = f"module{number_of(_path_from(path, found['path']))}." if found["path"] else ""
        module.exports.update({given: f"{source}{name}" for name, given in _names(found["names"])})
        return ""

    def exported(found: re.Match[str]) -> str:
        module.exports[found["name"]] = found["name"]
        return ""

    body = EXPORT.sub(exported, EXPORT_LIST.sub(listed, text))
    # Last, and not first: a line that begins with `const {` is none of theirs.
    module.body = without_comments(IMPORT.sub(imported, body))
    if other := OTHER_FORM.search(module.body):
        raise BundleError(f"{path}: {other[0].strip()!r} is not in a form that dashboard/bundles.py knows")
    return module


def _path_from(importer: str, named: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(importer), named))


def _names(listed: str) -> list[tuple[str, str]]:
    """`one, two as three` -> [("one", "one"), ("two", "three")]."""
    pairs = [entry.split(" as ") for entry in listed.split(",") if entry.strip()]
    return [(pair[0].strip(), pair[-1].strip()) for pair in pairs]
