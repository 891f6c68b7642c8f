"""GET /feed/snapshot: for those signed in, compressed, and not sent again while nothing changed."""

import gzip
import json

import pytest
from django.test import Client

from tests.feed_client import validator
from tests.stories import NOW, a_scale_set
from upgrades.commands.opt_outs import opt_out
from upgrades.feed import read

pytestmark = pytest.mark.django_db


def test_a_snapshot_needs_a_session(client: Client) -> None:
    a_scale_set()
    answer = client.get("/feed/snapshot?set=fleet/web")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "NotSignedIn")
    assert "" not in answer["Vary"].split(", "), "each of its names is one"


def test_a_snapshot_holds_all_that_is_visible(ada: Client) -> None:
    row = a_scale_set(instances=3)
    answer = ada.get("/feed/snapshot?set=Fleet/WEB")
    assert answer.json() == json.loads(json.dumps(read.snapshot(row.pk)))
    validator("snapshot").validate(answer.json())
    assert answer["ETag"] == f'"{row.stream}.{row.seq}"'
    packed = ada.get("/feed/snapshot?set=fleet/web", headers={"Accept-Encoding": "gzip, br"})
    assert packed["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.content) == answer.content


def test_a_snapshot_without_disks_has_all_but_these(ada: Client) -> None:
    a_scale_set(instances=3)
    whole = ada.get("/feed/snapshot?set=fleet/web").json()
    answer = ada.get("/feed/snapshot?set=fleet/web&without=disks").json()
    for number, instance in whole["instances"].items():
        disks = {name: instance.pop(name) for name in ("os_disk", "data_disks")}
        assert len(disks) == 2 and not disks.keys() & answer["instances"][number].keys()
    assert answer == whole
    assert "os_disk" in ada.get("/feed/snapshot?set=fleet/web").json()["instances"]["0"], "both are kept"


def test_a_snapshot_is_sent_again_only_after_a_change(ada: Client) -> None:
    a_scale_set(instances=2)
    tag = ada.get("/feed/snapshot?set=fleet/web")["ETag"]
    same = ada.get("/feed/snapshot?set=fleet/web", headers={"If-None-Match": tag})
    assert (same.status_code, same.content) == (304, b"")
    opt_out("fleet/web", ["1"], reason="why", owner="ada", now=NOW)
    changed = ada.get("/feed/snapshot?set=fleet/web", headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.json()["instances"]["1"]["opt_out"]["owner"] == "ada"


def test_an_unknown_scale_set_is_a_clear_error(ada: Client) -> None:
    answer = ada.get("/feed/snapshot?set=no/where")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "ResourceNotFound")
    assert "no/where" in answer.json()["error"]["message"]
    validator("refusal").validate(answer.json())


@pytest.mark.parametrize("address", ["/feed/snapshot", "/feed/snapshot?set="])
def test_a_snapshot_of_no_scale_set_is_a_bad_request(ada: Client, address: str) -> None:
    """Not 404, for which a client forgets a scale set."""
    answer = ada.get(address)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadRequest")
    assert "?set=rg/name" in answer.json()["error"]["message"]


def test_the_heads_say_where_each_scale_set_is(ada: Client) -> None:
    """For who polls: one question tells what is new, what changed and what is gone."""
    rows = [a_scale_set(name, instances=1) for name in "ab"]
    answer = ada.get("/feed/heads")
    assert answer.json()["heads"] == {row.key: f"{row.stream}.{row.seq}" for row in rows}
    assert answer.json()["at"].endswith("Z"), "as all times of the feed"
    validator("heads").validate(answer.json())
    assert "no-store" in answer["Cache-Control"]


def test_the_heads_require_signing_in(client: Client) -> None:
    answer = client.get("/feed/heads")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "NotSignedIn")


def test_a_snapshot_cannot_be_posted_to(ada: Client) -> None:
    assert ada.post("/feed/snapshot?set=fleet/web").status_code == 405
