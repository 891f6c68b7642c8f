"""Sources as their publishers make them: folders with checksums, trees of simplestreams, keys of GnuPG, and a web server for them."""

import functools
import hashlib
import json
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PRODUCT = "com.ubuntu.cloud:server:22.04:amd64"
ITEM = "disk1.img"
MADE = datetime(2024, 10, 4, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Signer:
    """A key, and `keyring`, the file by which others know it."""

    home: Path
    keyring: Path

    def detached(self, path: Path) -> None:
        self._gpg("--detach-sign", "--output", path.with_name(f"{path.name}.gpg"), path)

    def clear(self, path: Path, to: Path) -> None:
        self._gpg("--clearsign", "--output", to, path)

    def _gpg(self, *arguments: object) -> None:
        gpg(self.home, "--yes", *arguments)


def gpg(home: Path, *arguments: object) -> bytes:
    command = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--passphrase", "", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL).stdout


@contextmanager
def signer() -> Iterator[Signer]:
    # In a folder with a short name: the agent's socket is in it.
    home = Path(tempfile.mkdtemp(prefix="gpg"))
    try:
        gpg(home, "--quick-gen-key", "Images <images@example.org>", "ed25519", "sign", "never")
        keyring = home / "images.gpg"
        keyring.write_bytes(gpg(home, "--export"))
        yield Signer(home, keyring)
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "gpg-agent"], check=False)
        shutil.rmtree(home, ignore_errors=True)


def sums(folder: Path, signed_by: Signer | None = None) -> None:
    """SHA256SUMS of the folder's images, as `sha256sum *.qcow2` writes it."""
    files = sorted(folder.glob("*.qcow2"))
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    (folder / "SHA256SUMS").write_text("".join(lines))
    if signed_by:
        signed_by.detached(folder / "SHA256SUMS")


@dataclass
class Tree:
    """A tree of simplestreams like Ubuntu's: versions of one product, each with one disk."""

    root: Path
    signed_by: Signer | None = None
    images: dict[str, bytes] = field(default_factory=dict)
    changes: dict[str, Any] = field(default_factory=dict)  # of the last version's item

    def write(self, at: datetime = MADE) -> None:
        items = {version: self._item(version, content) for version, content in self.images.items()}
        if items:
            items[max(items)].update(self.changes)
        versions = {version: {"items": {ITEM: item}} for version, item in items.items()}
        products = {
            "format": "products:1.0",
            "datatype": "image-downloads",
            "updated": format_datetime(at),
            "products": {PRODUCT: {"arch": "amd64", "versions": versions}},
        }
        for suffix in ("json", "sjson"):
            name = f"streams/v1/com.ubuntu.cloud:released:download.{suffix}"
            entry = {"format": "products:1.0", "path": name, "products": [PRODUCT]}
            index = {
                "format": "index:1.0",
                "updated": format_datetime(at),
                "index": {"com.ubuntu.cloud:released": entry},
            }
            self._document(name, products)
            self._document(f"streams/v1/index.{suffix}", index)

    def _item(self, version: str, content: bytes) -> dict[str, Any]:
        path = f"server/releases/{version}/{ITEM}"
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(content)
        return {"ftype": ITEM, "path": path, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}

    def _document(self, name: str, document: Mapping[str, Any]) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not name.endswith(".sjson"):
            path.write_text(json.dumps(document))
            if self.signed_by:
                self.signed_by.detached(path)
        elif self.signed_by:
            draft = path.with_name("draft")
            draft.write_text(json.dumps(document, indent=1))
            self.signed_by.clear(draft, path)
            draft.unlink()


class Handler(SimpleHTTPRequestHandler):
    """`redirects`: {path: where to}. `cut`: paths whose answers break off after half of them."""

    redirects: Mapping[str, str] = {}
    cut: tuple[str, ...] = ()

    def do_GET(self) -> None:
        if to := self.redirects.get(self.path):
            self.send_response(302)
            self.send_header("Location", to)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        super().do_GET()

    def copyfile(self, source: Any, outputfile: Any) -> None:
        content = source.read()
        outputfile.write(content[: len(content) // 2] if self.path in self.cut else content)
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the tests' output is for what fails."""


@contextmanager
def served(folder: Path, redirects: Mapping[str, str] | None = None, cut: tuple[str, ...] = ()) -> Iterator[str]:
    """The folder's address on this computer."""
    handler = type("Handler", (Handler,), {"redirects": redirects or {}, "cut": cut})
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
