"""One script for each page: its module and all that it imports, in one file, so that a slow line asks once instead of eighty times.

What a page does not need at first is in a second one: `page-later.js` beside `page.js`, which the page imports by its address when it has
time. It may import all that the page imports, and the page itself; it gets those from the page's script, so that each runs once.

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
# As prettier leaves them: whole lines of `// ...` and `/** ... */`; a type within a line; `// ...` without quotes at the end of one.
COMMENT = re.compile(r"^[ \t]*(?://.*|/\*\*(?:[^*]|\*(?!/))*\*/[ \t]*)\n", re.M)
TYPE = re.compile(r"/\*\* @[^*\n]*\*/ ?")
END_OF_LINE = re.compile(r"""(?<=[;,{}()\]]) // [^"'`\n]*$""", re.M)
LATER = "-later.js"
STYLE_IMPORT = re.compile(r'^@import "(?P<path>[^"]+)";\n', re.M)
STYLE_COMMENT = re.compile(r"^[ \t]*/\*(?:[^*]|\*(?!/))*\*/[ \t]*\n", re.M)
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


def bundle(entry: str, read: Read, *, is_shared: bool = False) -> str:
    """Return the script of a page: the module `entry` and all that it imports, each once and before those that import it.

    Comments are left out. `is_shared`: there is a later script, which gets its modules.

    `read` returns the text of a module by its path. Raises BundleError.
    """
    if entry.endswith(LATER):
        return _later(entry, read)
    numbers: dict[str, int] = {}
    parts: list[str] = []
    _add(entry, read, numbers, parts, [])
    if is_shared:
        parts.append(f"export {{ {', '.join(map(_name, sorted(numbers.values())))} }};\n")
    return "".join(parts)


def _later(entry: str, read: Read) -> str:
    """The later script of a page: what the page's own script does not have already."""
    page = page_of(entry)
    numbers: dict[str, int] = {}
    _add(page, read, numbers, [], [])
    has = {_name(number) for number in numbers.values()}
    parts: list[str] = []
    _add(entry, read, numbers, parts, [])
    used = sorted(has.intersection(re.findall(r"\bmodule\d+\b", "".join(parts))))
    return f'import {{ {", ".join(used)} }} from "./{posixpath.basename(page)}";\n' + "".join(parts)


def page_of(later: str) -> str:
    """The page's module that a later one belongs to; "" where it is none."""
    return later.removesuffix(LATER) + ".js" if later.endswith(LATER) else ""


def later_of(page: str) -> str:
    """What the later module of a page would be called."""
    return page.removesuffix(".js") + LATER


def _name(number: int) -> str:
    return f"module{number}"


def entries(modules: Mapping[str, str]) -> list[str]:
    """Which of these modules (path -> text) import others and are not imported: pages name them.

    A script that imports nothing stays as it is. It may be no module, whose names would be those of the whole page.
    """
    imported = {
        _path_from(path, named["path"])
        for path, text in modules.items()
        for pattern in (IMPORT, EXPORT_LIST)
        for named in pattern.finditer(text)
        if named["path"] and _path_from(path, named["path"]) != page_of(path)
    }
    return sorted(path for path in modules.keys() - imported if IMPORT.search(modules[path]))


def style_sheet(entry: str, read: Read) -> str:
    """Return a style sheet with those that it imports in their places. They are in the same folder. Comments on lines of their own go."""
    folder = posixpath.dirname(entry)
    whole = STYLE_IMPORT.sub(lambda found: style_sheet(posixpath.join(folder, found["path"]), read), read(entry))
    return STYLE_COMMENT.sub("", whole)


def style_entries(sheets: Mapping[str, str]) -> list[str]:
    """Which of these style sheets (path -> text) import others."""
    return sorted(path for path, text in sheets.items() if STYLE_IMPORT.search(text))


def without_comments(text: str) -> str:
    return END_OF_LINE.sub("", TYPE.sub("", COMMENT.sub("", text)))


def _add(path: str, read: Read, numbers: dict[str, int], parts: list[str], importers: list[str]) -> int:
    """Append the module and what it imports to `parts`, where they are not there yet. Returns its number."""
    if path in importers:
        raise BundleError(f"modules import one another in a circle: {' -> '.join([*importers, path])}")
    if path not in numbers:
        module = _module(path, read(path), lambda named: _add(named, read, numbers, parts, [*importers, path]))
        numbers[path] = len(numbers)
        parts.append(f"const {_name(numbers[path])} = {module.as_object()};\n")
    return numbers[path]


def _module(path: str, text: str, number_of: Callable[[str], int]) -> Module:
    module = Module("")

    def imported(found: re.Match[str]) -> str:
        source = _name(number_of(_path_from(path, found["path"])))
        if found["all"]:
            return f"const {found['all']} = {source};\n"
        if found["names"] is None:
            return ""
        names = ", ".join(name if name == here else f"{name}: {here}" for name, here in _names(found["names"]))
        return f"const {{ {names} }} = {source};\n"

    def listed(found: re.Match[str]) -> str:
        source = f"{_name(number_of(_path_from(path, found['path'])))}." if found["path"] else ""
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
