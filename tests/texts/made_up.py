"""A language that nobody speaks: English with an accent on each letter. What has none on a page did not go through a catalogue."""

import re
from collections.abc import Collection, Iterable, Iterator
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import django
from babel.messages import Catalog
from babel.messages.pofile import read_po

from tests.texts.catalogues import compiled
from tests.texts.collect import collected

CODE, FOLDER = "en-xa", "en_XA"  # the usual code for it
PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
ACCENTED = "áƀćđéƒǵĥíĵķĺḿńóṕɋŕśťúṽẃẋýźÁɃĆĐÉƑǴĤÍĴĶĹḾŃÓṔɊŔŚŤÚṼẂẊÝŹ"
TABLE = str.maketrans(PLAIN, ACCENTED)
# Places for names and numbers, tags and entities of HTML.
KEPT = re.compile(r"(%\(\w+\)[sd]|%[sd%]|\{[^}]*\}|<[^>]*>|&\w+;)")
# Words and names of others: these are the same in each language.
NAMES = frozenset(["Rollgrid", "CSV", "JSON", "UTC", "API", "SKU", "ARM", "Azure", "Django"])
WORD = re.compile(r"[A-Za-z][\w.:/@'-]*")
# Django has not translated these: its names of permissions, and the names of its pictures.
THEIRS = re.compile(r"\| Can (add|change|delete|view) |^(True|False|Search)$")
SHOWN = ("aria-label", "title", "placeholder", "alt", "aria-description")


def accented(text: str) -> str:
    """
    >>> accented("All {count} <b>versions</b>")
    'Áĺĺ {count} <b>ṽéŕśíóńś</b>'
    """
    return "".join(part if number % 2 else part.translate(TABLE) for number, part in enumerate(KEPT.split(text)))


def catalogue() -> Catalog:
    """Our texts, and those of Django and its apps, in the made-up language."""
    made = Catalog()
    folder = Path(django.__path__[0])
    theirs = [read_po(BytesIO(file.read_bytes())) for file in sorted(folder.rglob("locale/en/LC_MESSAGES/django.po"))]
    for message in (message for source in (*theirs, collected()) for message in source if message.id):
        forms = message.id if isinstance(message.id, tuple | list) else (message.id,)
        said = tuple(map(accented, forms))
        made.add(message.id, said if len(said) > 1 else said[0], context=message.context)
    return made


def write(folder: Path) -> None:
    file = folder / FOLDER / "LC_MESSAGES" / "django.mo"
    file.parent.mkdir(parents=True)
    file.write_bytes(compiled(catalogue()))


def plain_words(page: str, known: Iterable[str], data: Collection[str] = ()) -> list[str]:
    """The words on a page that are in plain English, and are neither `known`, nor part of a name, a number or an address.

    `data`: texts that do not count as a whole.
    """
    reader = Reader()
    reader.feed(page)
    return [word for text in reader.texts for word in _words(_without(text, data), {*NAMES, *known})]


def _without(text: str, data: Collection[str]) -> str:
    """The text without the longest of `data` that it has, and without the next, and so on."""
    for value in sorted((value for value in data if value in text), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "", text)
    return "" if THEIRS.search(text) else text


def _words(text: str, known: set[str]) -> Iterator[str]:
    for found in WORD.finditer(text):
        word = found.group().rstrip(".:'/-")
        is_part = found.start() > 0 and (text[found.start() - 1].isalnum() or text[found.start() - 1] in "-.:/_")
        if len(word) > 1 and word.isalpha() and word.isascii() and word not in known and not is_part:
            yield f"{word} ({text.strip()[:80]})"


class Reader(HTMLParser):
    """Reads what a person sees or hears of a page. Not: what is marked as data (translate="no", another `lang`, code and pre)."""

    VOID = frozenset(
        ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr", "use"]
    )

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self._open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        is_data = tag in ("script", "style", "code", "pre", "textarea") or given.get("translate") == "no"
        is_data = is_data or (tag != "html" and given.get("lang", CODE) != CODE) or self._is_data
        if not is_data:
            self.texts += [
                value for name, value in given.items() if value and (name in SHOWN or name.startswith("data-why-"))
            ]
            if tag == "input" and given.get("type") in ("submit", "button"):
                self.texts.append(given.get("value") or "")
        if tag not in self.VOID:
            self._open.append((tag, is_data))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if data.strip() and not self._is_data:
            self.texts.append(data)

    @property
    def _is_data(self) -> bool:
        return bool(self._open and self._open[-1][1])
