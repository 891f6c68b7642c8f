"""The catalogues of Django's texts: dashboard/locale/CODE/LC_MESSAGES/django.po, and beside it the compiled django.mo."""

import json
import re
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from string import Formatter

from babel.messages import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from dashboard.environment import CHECKOUT
from dashboard.languages import ENGLISH, FOLDER
from tests.texts.collect import collected
from upgrades.core.catalogue import messages_in


def file_of(language: str, folder: Path = FOLDER) -> Path:
    return folder / language / "LC_MESSAGES" / "django.po"


def renew(*, begin: Iterable[str] = (), folder: Path = FOLDER, root: Path = CHECKOUT) -> Iterator[str]:
    """Write all catalogues. Yields a line about each other language. `begin`: languages that get their first catalogue.

    `root`: the folder under which a language has its other two files.
    """
    english = collected()
    _write(file_of(ENGLISH, folder), written(english))
    for language in sorted({*begin, *(path.name for path in folder.iterdir())} - {ENGLISH}):
        file = file_of(language, folder)
        catalogue = read(file) if file.exists() else Catalog(locale=language)
        catalogue.update(english, no_fuzzy_matching=True)
        _write(file, written(catalogue))
        open_ones = [*problems(catalogue, english), *missing_elsewhere(language, root)]
        _compile(catalogue, file.with_suffix(".mo"), is_complete=not open_ones)
        yield f"{language}: {f'{len(open_ones)} texts to do, first: {open_ones[0]}' if open_ones else 'complete'}"


def read(file: Path) -> Catalog:
    with file.open("rb") as opened:
        return read_po(opened)


def written(catalogue: Catalog) -> bytes:
    """The text of a .po file, the same whenever it is written: without dates and line numbers."""
    body = BytesIO()
    write_po(
        body, catalogue, width=120, omit_header=True, include_lineno=False, sort_by_file=False, ignore_obsolete=True
    )
    return HEADER.format(plurals=catalogue.plural_forms).encode() + body.getvalue()


HEADER = """msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: {plurals}\\n"

"""


def compiled(catalogue: Catalog) -> bytes:
    body = BytesIO()
    write_mo(body, catalogue)
    return body.getvalue()


def problems(catalogue: Catalog, english: Catalog) -> Iterator[str]:
    """The texts that are not translated, or whose places for names and numbers, or tags, are not those of the English text."""
    for message in english:
        if not message.id:
            continue
        found = catalogue.get(_first(message), message.context)
        forms = found.string if found and isinstance(found.string, tuple | list) else (found.string if found else "",)
        if (
            not found
            or found.fuzzy
            or not all(forms)
            or len(forms) < (catalogue.num_plurals if message.pluralizable else 1)
        ):
            yield _first(message)
        elif any(_places(str(form)) != _places(_last(message)) for form in forms):
            yield f"{_first(message)} (its places differ)"


def missing_elsewhere(language: str, root: Path = CHECKOUT) -> Iterator[str]:
    """The texts that the other two files of a language do not have: those of the scripts, and those of the engine."""
    files = sorted((CHECKOUT / "static/js").glob("texts*.js"))
    scripts = [key for file in files for key in re.findall(r'^  "([^"]+)":', file.read_text(), re.MULTILINE)]
    engine = messages_in(ENGLISH)
    for folder, keys in (("static/texts", scripts), ("upgrades/core/catalogue", engine)):
        file = root / folder / f"{language}.json"
        has = json.loads(file.read_text()) if file.exists() else {}
        yield from (f"{folder}/{language}.json: {key}" for key in keys if not has.get(key))


def _first(message: Message) -> str:
    return str(message.id[0] if isinstance(message.id, tuple | list) else message.id)


def _last(message: Message) -> str:
    return str(message.id[-1] if isinstance(message.id, tuple | list) else message.id)


def _places(text: str) -> set[str]:
    """ "{name}", "%(count)s", "<b>" and quotation marks, which would end an attribute of HTML."""
    named = {f"{{{name}}}" for _, name, _, _ in Formatter().parse(text) if name}
    return named | set(re.findall(r"%\(\w+\)s|<[^>]+>|\"", text))


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def _compile(catalogue: Catalog, file: Path, *, is_complete: bool) -> None:
    """Write the compiled catalogue of a complete language; of others there is none, so no page is half translated."""
    if is_complete:
        file.write_bytes(compiled(catalogue))
    else:
        file.unlink(missing_ok=True)
