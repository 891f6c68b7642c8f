"""What a source offers is believed only where it is signed by the right key, whole, and within the source."""

import asyncio
import hashlib
import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.image_sources.trees import ITEM, MADE, PRODUCT, Signer, Tree, served, sums
from upgrades.image_sources import places
from upgrades.image_sources.errors import SourceError
from upgrades.image_sources.looking import Look, SourceKind, SourceSettings, look, opened
from upgrades.image_sources.offers import Offer, path_within
from upgrades.image_sources.simplestreams import Filter

WANTED = Filter(PRODUCT, ITEM, "amd64", "22.04")
NEW = b"a new disk " * 1000


def found(root: object, keyring: object = "", kind: SourceKind = SourceKind.SIMPLESTREAMS, **more: Any) -> Look:
    values: dict[str, Any] = {"pattern": "debian-*.qcow2", "wanted": WANTED} | more
    settings = SourceSettings(kind, str(root), str(keyring), **values)

    async def story() -> Look:
        async with opened(settings.root) as place:
            return await look(place, settings)

    return asyncio.run(story())


def refused(*words: Any, **more: Any) -> str:
    with pytest.raises(SourceError) as caught:
        found(*words, **more)
    return str(caught.value)


def fetch(root: object, offer: Offer, to: Path) -> None:
    async def story() -> None:
        async with opened(str(root)) as place:
            await places.download(place, offer, to)

    asyncio.run(story())


@pytest.fixture
def tree(tmp_path: Path, ubuntu: Signer) -> Tree:
    made = Tree(tmp_path / "tree", ubuntu, {"20240901": b"an old disk", "20241004": NEW})
    made.write()
    return made


@pytest.fixture
def folder(tmp_path: Path, ubuntu: Signer) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    (made / "debian-12.1.qcow2").write_bytes(b"old")
    (made / "debian-12.10.qcow2").write_bytes(NEW)
    (made / "other.qcow2").write_bytes(b"other")
    sums(made, ubuntu)
    return made


# --- simplestreams ----------------------------------------------------------------------------------------------------


def test_the_newest_version_of_a_signed_tree_is_found(tree: Tree, ubuntu: Signer) -> None:
    expected = Offer("22.04.20241004", f"server/releases/20241004/{ITEM}", hashlib.sha256(NEW).hexdigest(), len(NEW))
    local = found(tree.root, ubuntu.keyring)
    assert local.offer == expected
    assert set(local.updated.values()) == {MADE}
    with served(tree.root) as url:
        assert found(url, ubuntu.keyring).offer == expected
    for path in tree.root.rglob("*.sjson"):
        path.unlink()
    beside = found(tree.root, ubuntu.keyring)
    assert (beside.offer, beside.updated) == (expected, local.updated), "with signatures beside the files"


def test_an_index_by_another_key_or_changed_is_refused(tree: Tree, ubuntu: Signer, mallory: Signer) -> None:
    assert "is not a file" in refused(tree.root, "/nowhere.gpg")
    assert "a key that is not in" in refused(tree.root, mallory.keyring)
    index = tree.root / "streams/v1/index.sjson"
    index.write_text(index.read_text().replace("22.04", "24.04"))
    assert "was changed on its way" in refused(tree.root, ubuntu.keyring)
    index.unlink()
    index.with_suffix(".json.gpg").unlink()
    assert "index.json has no signature" in refused(tree.root, ubuntu.keyring)


def test_words_around_the_signed_part_are_not_believed(tree: Tree, ubuntu: Signer) -> None:
    index = tree.root / "streams/v1/index.sjson"
    evil = json.dumps({"format": "index:1.0", "index": {}})
    index.write_text(f"{evil}\n\n{index.read_text()}\n{evil}\n")
    assert found(tree.root, ubuntu.keyring).offer.version == "22.04.20241004"


def test_a_file_of_products_needs_its_own_signature(tree: Tree, ubuntu: Signer, mallory: Signer) -> None:
    evil = Tree(tree.root.with_name("evil"), mallory, {"20991231": b"evil"})
    evil.write()
    for path in evil.root.glob("streams/v1/com*"):
        shutil.copy(path, tree.root / "streams/v1" / path.name)
    assert "com.ubuntu.cloud:released:download.sjson is signed with a key" in refused(tree.root, ubuntu.keyring)


def test_an_unsigned_tree_is_read_without_a_keyring_only(tree: Tree, ubuntu: Signer) -> None:
    bare = Tree(tree.root.with_name("bare"), None, tree.images)
    bare.write()
    assert found(bare.root).offer.version == "22.04.20241004"
    assert "has no signature" in refused(bare.root, ubuntu.keyring)
    for path in tree.root.rglob("index.json*"):
        path.unlink()
    assert found(tree.root).offer.version == "22.04.20241004", "signed in the message, and not verified"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"path": "../../../etc/shadow"}, "may lead out of it"),
        ({"path": "/etc/shadow"}, "may lead out of it"),
        ({"path": "https://evil.example.org/disk"}, "may lead out of it"),
        ({"path": "a?b#c"}, "may lead out of it"),
        ({"path": None}, "may lead out of it"),
        ({"sha256": None}, "gives no sha256"),
        ({"sha256": "abc"}, "gives no sha256"),
        ({"size": -1}, "which cannot be"),
        ({"size": 10**15}, "which cannot be"),
        ({"size": "many"}, "which cannot be"),
    ],
)
def test_an_item_that_cannot_be_is_refused(changes: dict[str, Any], says: str, tmp_path: Path) -> None:
    Tree(tmp_path, None, {"20241004": NEW}, changes).write()
    assert says in refused(tmp_path)


def test_settings_that_fit_nothing_or_too_much_are_said(tmp_path: Path) -> None:
    Tree(tmp_path, None, {"20241004": NEW}).write()
    assert "has no product nothing" in refused(tmp_path, wanted=Filter("nothing", ITEM))
    assert "settings of product, item" in refused(tmp_path, wanted=Filter(PRODUCT, "squashfs"))
    assert "settings of product, item" in refused(tmp_path, wanted=Filter(PRODUCT, ITEM, "arm64"))
    products = tmp_path / "streams/v1/com.ubuntu.cloud:released:download.json"
    document = json.loads(products.read_text())
    document["products"][f"{PRODUCT}2"] = document["products"][PRODUCT]
    products.write_text(json.dumps(document))
    assert "several products fit" in refused(tmp_path, wanted=Filter(f"{PRODUCT}*", ITEM))
    document["products"][PRODUCT]["versions"]["20241004"]["items"]["second"] = {"ftype": "disk2.img"}
    products.write_text(json.dumps(document))
    assert "has 2 items like disk" in refused(tmp_path, wanted=Filter(PRODUCT, "disk*"))


def test_an_image_in_two_files_needs_both(tmp_path: Path) -> None:
    Tree(tmp_path, None, {"20241004": NEW, "20240901": NEW}).write()
    products = tmp_path / "streams/v1/com.ubuntu.cloud:released:download.json"
    document = json.loads(products.read_text())
    versions = document["products"][PRODUCT]["versions"]
    root: dict[str, Any] = {"ftype": "squashfs", "path": "a/rootfs.squashfs", "sha256": "1" * 64, "size": 5}
    versions["20240901"]["items"]["root"] = root
    products.write_text(json.dumps(document))
    offer = found(tmp_path, wanted=Filter(PRODUCT, f"{ITEM}+squashfs")).offer
    assert (offer.version, offer.root) == ("20240901.0", Offer("20240901.0", root["path"], "1" * 64, 5))


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b'{"format": "products:1.0"}', b"[" * 100_000, b"\xff\xfe"])
def test_an_index_that_is_none_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "streams/v1").mkdir(parents=True)
    (tmp_path / "streams/v1/index.json").write_bytes(content)
    assert "its index is not" in refused(tmp_path)


def test_an_index_of_strange_members_offers_nothing(tmp_path: Path) -> None:
    Tree(tmp_path, None, {"20241004": NEW}).write()
    products = tmp_path / "streams/v1/com.ubuntu.cloud:released:download.json"
    versions: Any
    for versions in (5, {"20241004": 5}, {"20241004": {"items": 5}}, {"20241004": {"items": {"a": 5}}}, {"beta": {}}):
        document = {"format": "products:1.0", "products": {PRODUCT: {"arch": "amd64", "versions": versions}}}
        products.write_text(json.dumps(document))
        assert "it offers no such image" in refused(tmp_path)


# --- folders ----------------------------------------------------------------------------------------------------------


def test_the_newest_image_of_a_signed_folder_is_found(folder: Path, ubuntu: Signer) -> None:
    expected = Offer("12.10", "debian-12.10.qcow2", hashlib.sha256(NEW).hexdigest())
    wanted: dict[str, Any] = {"kind": SourceKind.DIRECTORY, "wanted": Filter("", "")}
    assert found(folder, ubuntu.keyring, **wanted).offer == expected
    with served(folder) as url:
        assert found(url, ubuntu.keyring, **wanted).offer == expected


def test_checksums_that_are_not_signed_by_the_key_are_refused(folder: Path, ubuntu: Signer, mallory: Signer) -> None:
    kind = SourceKind.DIRECTORY
    assert "a key that is not in" in refused(folder, mallory.keyring, kind)
    with (folder / "SHA256SUMS").open("a") as file:
        file.write(f"{'0' * 64}  debian-99.0.qcow2\n")
    assert "was changed on its way" in refused(folder, ubuntu.keyring, kind)
    (folder / "SHA256SUMS.gpg").unlink()
    assert "SHA256SUMS has no signature" in refused(folder, ubuntu.keyring, kind)
    (folder / "SHA256SUMS").unlink()
    assert "it has no SHA256SUMS" in refused(folder, "", kind)


def test_a_pattern_that_fits_nothing_is_said(folder: Path) -> None:
    kind = SourceKind.DIRECTORY
    assert "names no file like ubuntu-*.img" in refused(folder, "", kind, pattern="ubuntu-*.img")
    assert "is not a folder" in refused(folder / "nowhere", "", kind)
    assert "not an address" in refused("file:///etc", "", kind)


# --- downloads --------------------------------------------------------------------------------------------------------


def test_a_download_is_whole_and_verified_or_not_there(tree: Tree, ubuntu: Signer, tmp_path: Path) -> None:
    offer = found(tree.root, ubuntu.keyring).offer
    to, path = tmp_path / "disk", tree.root / offer.path
    fetch(tree.root, offer, to)
    assert to.read_bytes() == NEW
    with served(tree.root) as url:
        fetch(url, offer, to)
    with served(tree.root, cut=(f"/{offer.path}",)) as url, pytest.raises(SourceError, match="cannot be read"):
        fetch(url, offer, to)
    assert not to.exists()
    for content, says in (
        (NEW[:-1], "not downloaded whole"),
        (NEW + b"x", "more than"),
        (b"y" + NEW[1:], "has the sha256"),
    ):
        path.write_bytes(content)
        with pytest.raises(SourceError, match=says):
            fetch(tree.root, offer, to)
        assert not to.exists()
    path.unlink()
    with served(tree.root) as url, pytest.raises(SourceError, match="answers 404"):
        fetch(url, offer, to)


def test_a_disk_without_room_is_said_before_anything_is_read(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer = found(tree.root).offer
    monkeypatch.setattr(places, "SPARE_BYTES", 2**62)
    with pytest.raises(SourceError, match="make room"):
        fetch(tree.root, offer, tmp_path / "disk")


def test_redirects_lead_only_to_web_servers(tree: Tree, tmp_path: Path) -> None:
    offer, to = found(tree.root).offer, tmp_path / "disk"
    path = f"/{offer.path}"
    with served(tree.root) as mirror, served(tree.root, {path: f"{mirror}{path}"}) as url:
        fetch(url, offer, to)
        assert to.read_bytes() == NEW
    for target in (f"file://{tree.root}{path}", "ftp://127.0.0.1/x", "//"):
        with served(tree.root, {path: target}) as url, pytest.raises(SourceError):
            fetch(url, offer, to)
    with served(tree.root, {path: path}) as url, pytest.raises(SourceError, match="redirected more than"):
        fetch(url, offer, to)


def test_a_link_out_of_a_folder_is_not_followed(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(NEW)
    (folder / "debian-12.10.qcow2").unlink()
    (folder / "debian-12.10.qcow2").symlink_to(secret)
    offer = Offer("12.10", "debian-12.10.qcow2", hashlib.sha256(NEW).hexdigest())
    with pytest.raises(SourceError, match="leads out of"):
        fetch(folder, offer, tmp_path / "disk")


def test_a_server_that_does_not_answer_is_said_to_be_so() -> None:
    with served(Path("/nonexistent")) as url:
        gone = url
    assert "cannot be read" in refused(gone)


def test_paths_stay_within() -> None:
    assert path_within("a/b:c/disk1.img") == "a/b:c/disk1.img"
    for path in ("", "..", "a/../b", "/a", "a//../b", "a\\b", "a b", "a\0b", "%2e%2e/a", 5):
        with pytest.raises(SourceError):
            path_within(path)


def test_an_older_index_says_its_time(tmp_path: Path) -> None:
    Tree(tmp_path, None, {"20241004": NEW}).write(MADE - timedelta(days=1))
    assert set(found(tmp_path).updated.values()) == {MADE - timedelta(days=1)}
