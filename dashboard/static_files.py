"""Static files of the pages, under names with a hash of their content, so that browsers can keep them for ever.

When the server starts it collects them into the state folder, if they have changed; there is no build step. The script of each page is
put together there with all that it imports (bundles.py). Where none are collected (in tests, with ROLLGRID_DEBUG, on a full disk) they are
served from their source folders, under their plain names.
"""

import hashlib
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any
from wsgiref.headers import Headers

import brotli
import django
import servestatic
from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.core.files.storage import FileSystemStorage
from django.core.management import call_command
from servestatic.asgi import ServeStaticASGI
from servestatic.storage import CompressedManifestStaticFilesStorage

from dashboard import bundles
from dashboard.content_policy import POLICY
from upgrades import atomic_files

log = logging.getLogger(__name__)

MARK = ".made-of"
OUR_SCRIPTS, OUR_STYLES = "js/", "css/"  # Django's own are elsewhere
# Files of other versions of htmx than the one that is used, and hidden files.
LEFT_OUT = ("ext", "htmax*", "htmx-4*", ".*")
# `import ... from "./dom.js";` and `export ... from`. The semicolon tells a statement from the `@import` of a type, which stands in a
# comment: types may be imported in a circle, modules not. Django's own pattern also matches `import("./x.js")`, which comments contain too.
IMPORTS = r"""(?P<matched>(?P<before>\b(?:from|import)\s*)"(?P<url>\.{1,2}/[^"\n]+\.js)"(?=;))"""


def _mark() -> Path:
    """The file that is written last: without it the collected files are not complete."""
    return Path(settings.STATIC_ROOT) / MARK


class HashedFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Django's storage with hashed names, which also rewrites the imports of our modules, and puts a gzip beside each file.

    Beside what pages are put together of stands a Brotli too, an eighth smaller; for all files it would take ten seconds.
    """

    # A name depends on those of all modules that its file imports, so each step of imports takes a pass.
    max_post_process_passes = 20
    patterns = (*ManifestStaticFilesStorage.patterns, ("js/*.js", ((IMPORTS, '%(before)s"%(url)s"'),)))

    def load_manifest(self) -> tuple[dict[str, str], str]:
        found: tuple[dict[str, str], str] = super().load_manifest() if _mark().exists() else ({}, "")
        return found

    def stored_name(self, name: str) -> str:
        """The hashed name; the plain one where nothing was collected."""
        stored: str = super().stored_name(name) if self.hashed_files else name
        return stored

    def post_process(self, paths: dict[str, tuple[Any, str]], dry_run: bool = False, **options: Any) -> Iterator[Any]:
        """As it is, with the files of each page put together first. `paths`: name -> (storage, path) of its source."""
        made = {**_scripts(paths), **_style_sheets(paths)}
        for name, text in made.items():
            (Path(settings.STATIC_ROOT) / name).write_text(text)
        yield from super().post_process({**paths, **{name: (self, name) for name in made}}, dry_run, **options)
        with ThreadPoolExecutor() as threads:
            list(threads.map(_add_brotli, (Path(self.path(self.stored_name(name))) for name in made)))

    def add_stats_to_manifest(self) -> None:
        """Do nothing: our server reads sizes and dates from the files themselves."""


def _add_brotli(file: Path) -> None:
    file.with_name(f"{file.name}.br").write_bytes(brotli.compress(file.read_bytes(), brotli.MODE_TEXT))


def _scripts(paths: dict[str, tuple[Any, str]]) -> dict[str, str]:
    modules = {name: _text(*paths[name]) for name in paths if name.startswith(OUR_SCRIPTS) and name.endswith(".js")}
    return {
        name: bundles.bundle(name, modules.__getitem__, is_shared=bundles.later_of(name) in modules)
        for name in bundles.entries(modules)
    }


def _style_sheets(paths: dict[str, tuple[Any, str]]) -> dict[str, str]:
    sheets = {name: _text(*paths[name]) for name in paths if name.startswith(OUR_STYLES) and name.endswith(".css")}
    return {name: bundles.style_sheet(name, sheets.__getitem__) for name in bundles.style_entries(sheets)}


def _text(storage: FileSystemStorage, path: str) -> str:
    with storage.open(path) as file:
        text: str = file.read().decode()
    return text


def _sources() -> Iterator[tuple[str, FileSystemStorage]]:
    """(name, storage) of all source files; of equal names the first one counts."""
    for finder in finders.get_finders():
        yield from finder.list([*LEFT_OUT])


def _digest() -> str:
    """A hash of all source files and of the versions of what collects them."""
    found = hashlib.sha256(f"{django.__version__} {servestatic.__version__} {IMPORTS}".encode())
    found.update(Path(bundles.__file__).read_bytes())
    for name, storage in sorted(_sources(), key=lambda source: (source[0], str(source[1].location))):
        with storage.open(name) as file:
            found.update(f"\0{name}\0".encode() + hashlib.sha256(file.read()).digest())
    return found.hexdigest()


def digest() -> str:
    """What names the files that are served: another one where any of them is another."""
    return _mark().read_text() if _mark().exists() else _digest()


def collect() -> None:
    """Collect all files into the state folder, unless the files there were made from the same sources."""
    try:
        digest = _digest()
        if _mark().exists() and _mark().read_text() == digest:
            return
        _collect_anew(digest)
    except OSError as error:
        log.warning("the files of the pages cannot be collected (%s): they are served from where they are", error)


def _collect_anew(digest: str) -> None:
    mark = _mark()
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.unlink(missing_ok=True)
    # A new list, since the command changes it.
    call_command("collectstatic", interactive=False, clear=True, verbosity=0, ignore_patterns=[*LEFT_OUT])
    atomic_files.replace(mark, digest.encode())


class StaticFiles:
    """An ASGI application that serves the static files, and hands all other requests to the one that it wraps."""

    def __init__(self, application: Any) -> None:
        self._application = application
        # Read once, now: with the sub-path, which is set at the start, but not in the context of every request.
        self._address = settings.STATIC_URL

    @cached_property
    def _server(self) -> ServeStaticASGI:
        """The server of the files, made at the first request: they are collected only after this module is loaded."""
        server = ServeStaticASGI(
            self._application,
            autorefresh=settings.DEBUG,
            max_age=0,  # for files under plain names: browsers must ask whether these have changed
            allow_all_origins=False,
            add_headers_function=_protect,
        )
        for folder in _folders():
            server.add_files(folder, self._address)
        return server

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._server(scope, receive, send)


def _folders() -> list[str]:
    """The folders to serve from. Of equal names the file in the last folder counts."""
    if _mark().exists() and not settings.DEBUG:
        return [str(settings.STATIC_ROOT)]
    return list(dict.fromkeys(str(storage.location) for _, storage in reversed([*_sources()])))


def _protect(headers: Headers, path: str, url: str) -> None:
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Content-Security-Policy"] = POLICY
