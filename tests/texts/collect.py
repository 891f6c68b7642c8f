"""Collects the texts that Django translates, without the programs of GNU gettext: from templates, Python, and the tables of core."""

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from babel.messages import Catalog
from babel.messages.extract import extract
from django.utils.translation.template import templatize

from dashboard import words
from dashboard.environment import CHECKOUT
from upgrades.admin import labels

KEYWORDS: dict[str, Any] = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy"), None),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
}
# (file, text or its forms in singular and plural, context).
Found = tuple[str, str | tuple[str, ...], str | None]


def collected() -> Catalog:
    """The English catalogue: each text once, with the files that it stands in."""
    catalogue = Catalog(project="Rollgrid", fuzzy=False)
    for place, text, context in sorted(_all(), key=lambda found: (found[0], str(found[1]))):
        catalogue.add(text, locations=[(place, 0)], context=context)
    return catalogue


def _all() -> Iterator[Found]:
    for path in _files("dashboard", "*.py"), _files("upgrades", "*.py"):
        for file in path:
            if "django.utils.translation import" in (text := file.read_text()):
                yield from _of(file, text)
    for file in _files("templates", "*.html"):
        # Indents of HTML mean nothing, and would be wrong ones in Python.
        code = "\n".join(line.strip() for line in templatize(file.read_text()).splitlines())
        yield from _of(file, code)
    for place, texts in (("dashboard/words.py", words.texts()), ("upgrades/admin/labels.py", labels.texts())):
        yield from ((place, text, None) for text in texts if text)


def _files(folder: str, pattern: str) -> Iterable[Path]:
    return sorted(file for file in (CHECKOUT / folder).rglob(pattern) if "migrations" not in file.parts)


def _of(file: Path, code: str) -> Iterator[Found]:
    place = file.relative_to(CHECKOUT).as_posix()
    for _, text, _, context in extract("python", io.BytesIO(code.encode()), KEYWORDS):
        yield place, text, context
