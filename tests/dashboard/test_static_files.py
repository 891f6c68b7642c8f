"""The files of the pages: hashed names that browsers keep for ever, plain names that they ask for again."""

import gzip
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import reverse

from dashboard import asgi, static_files
from dashboard.handlers import Pages
from tests.fuzz.asking import Ask, Said, ask
from tests.stories import a_scale_set
from tests.supervisor import starting

HASHED = re.compile(r"\.[0-9a-f]{12}\.\w+$")
NAMED_BY_A_PAGE = re.compile(r'"(/static/[^"#]+)')
NAMED_BY_A_MODULE = re.compile(r"""\b(?:from|import)\s*\(?["'](\.[^"']+)["']\)?;""")
NAMED_BY_A_STYLE = re.compile(r"""url\(["']?([^"')]+)["']?\)""")
FOR_EVER = "max-age=315360000, public, immutable"

pytestmark = pytest.mark.django_db


@pytest.fixture
def collected(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As a start of the server leaves it."""
    folder = settings.STATIC_ROOT = starting.collected()
    monkeypatch.setattr(asgi, "application", static_files.StaticFiles(Pages()))
    return folder


def get(address: str, *headers: tuple[bytes, bytes]) -> Said:
    return ask(Ask("GET", address, [*headers]))


def of_the_pages(client: Client) -> set[str]:
    """Every address of a file that a page names, those of modules and styles included."""
    scale_set = a_scale_set()
    addresses = [
        *("/", f"/scale-sets/{scale_set}/", "/images/", "/audit/", "/admin/", "/admin/auth/user/add/"),
        reverse("admin:upgrades_scaleset_change", args=[scale_set.pk]),
    ]
    found = set(NAMED_BY_A_PAGE.findall(Client().get("/login/").content.decode()))
    for address in addresses:
        answer = client.get(address)
        assert answer.status_code == 200, address
        found |= set(NAMED_BY_A_PAGE.findall(answer.content.decode()))
    return set(_with_references(found))


def _with_references(addresses: set[str]) -> Iterator[str]:
    left, seen = [*addresses], set(addresses)
    while left:
        address = left.pop()
        yield address
        pattern = {".js": NAMED_BY_A_MODULE, ".css": NAMED_BY_A_STYLE}.get(Path(address).suffix)
        text = get(address).body.decode() if pattern else ""
        is_ours = "/static/js/" in address or address.endswith(".css")
        named = {urljoin(address, name) for name in pattern.findall(text)} if pattern and is_ours else set()
        left += named - seen
        seen |= named


@pytest.mark.usefixtures("collected")
def test_every_file_of_a_page_is_cached_for_ever(client: Client) -> None:
    client.force_login(User.objects.create_superuser("ada"))
    addresses = of_the_pages(client)
    scripts = {address.rsplit("/", 1)[1].split(".")[0] for address in addresses if address.startswith("/static/js/")}
    assert scripts == {"admin", "audit", "fleet", "images", "scale-set", "scale-set-later", "theme"}
    assert any("/img/cells/" in address for address in addresses)
    for address in addresses:
        answer = get(address)
        assert HASHED.search(address) and answer.status == 200, address
        assert answer.headers["cache-control"] == FOR_EVER, address
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'self'" in answer.headers["content-security-policy"]


def test_only_scripts_of_several_modules_are_put_together(collected: Path) -> None:
    """Django's own, and one of ours, are no modules: what they declare would be declared for the whole page."""
    for name in ("admin/js/core.js", "admin/js/calendar.js", "js/theme.js"):
        assert (collected / name).read_bytes() == Path(str(finders.find(name))).read_bytes(), name
    assert "module1" in (collected / "js/fleet.js").read_text()


@pytest.mark.usefixtures("collected")
def test_a_plain_name_is_asked_for_again() -> None:
    answer = get("/static/js/dom.js")
    assert answer.status == 200 and answer.headers["cache-control"] == "max-age=0, public"
    assert answer.headers["content-type"].startswith("text/javascript")
    again = get("/static/js/dom.js", (b"if-none-match", answer.headers["etag"].encode()))
    assert again.status == 304


@pytest.mark.usefixtures("collected")
def test_files_are_sent_compressed_to_clients_that_accept_it() -> None:
    plain = get("/static/js/fleet.js")
    packed = get("/static/js/fleet.js", (b"accept-encoding", b"gzip, deflate, br"))
    assert packed.headers["content-encoding"] == "gzip" and "accept-encoding" in packed.headers["vary"].lower()
    assert gzip.decompress(packed.body) == plain.body and len(packed.body) < len(plain.body) / 2


def test_incomplete_static_files_are_collected_anew(tmp_path: Path, settings: LazySettings) -> None:
    settings.STATIC_ROOT = shutil.copytree(starting.collected(), tmp_path / "static")
    module = tmp_path / "static" / "js" / "dom.js"
    written_at = module.stat().st_mtime_ns
    static_files.collect()
    assert module.stat().st_mtime_ns == written_at
    (tmp_path / "static" / static_files.MARK).write_text("another version")
    (tmp_path / "static" / "js" / "gone.js").touch()
    static_files.collect()
    assert module.stat().st_mtime_ns > written_at
    assert not (module.parent / "gone.js").exists()


def test_pages_work_where_nothing_can_be_collected(
    tmp_path: Path, settings: LazySettings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "full").touch()
    settings.STATIC_ROOT = tmp_path / "full" / "static"
    static_files.collect()
    assert "cannot be collected" in caplog.text
    monkeypatch.setattr(asgi, "application", static_files.StaticFiles(Pages()))
    named = NAMED_BY_A_PAGE.findall(Client().get("/login/").content.decode())
    assert named and all(get(address).status == 200 and not HASHED.search(address) for address in named)
