"""GET /feed/summary, /feed/table and /feed/annotations: the boards' numbers in a few words, for whoever may see them."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from tests.stories import NOW, a_scale_set, publish
from upgrades.commands.upgrades import start
from upgrades.commands.wallboard_links import create_link, revoke_link
from upgrades.models import ScaleSet
from upgrades.orchestrator.reconcile import reconcile

pytestmark = pytest.mark.django_db
PATHS = ("/feed/summary", "/feed/table", "/feed/annotations")


@pytest.fixture
def fleet() -> None:
    """One scale set that is being upgraded, and one without work."""
    a_scale_set("web", instances=4)
    publish("1.0.9")
    a_scale_set("db", instances=2, group="other", version="1.0.9")
    start("fleet/web", "ada", NOW)
    for row in ScaleSet.objects.all():
        reconcile(row.pk, lambda: NOW)


def bearer(**may: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {create_link('lobby', 'ada', NOW, **may)[1]}"}


def test_the_numbers_are_taken_from_the_boards(ada: Client, fleet: None) -> None:
    said = ada.get("/feed/summary").json()
    boards = [row.board_row.body for row in ScaleSet.objects.select_related("board_row")]
    assert said["counts"]["total"] == sum(board["counts"]["total"] for board in boards) == 6
    assert said["counts"]["up_to_date"] == sum(board["progress"]["up_to_date"] for board in boards)
    assert said["scale_sets"]["total"] == 2
    assert said["scale_sets"]["upgrading"] == sum(board["batch"] is not None for board in boards) == 1
    assert said["sentence"]
    rows = {row["set"]: row for row in ada.get("/feed/table").json()}
    assert set(rows) == {"fleet/web", "other/db"}
    assert rows["fleet/web"]["upgrading"]
    assert rows["fleet/web"]["target"] == "1.0.9"
    assert all(not isinstance(value, dict | list) for row in rows.values() for value in row.values()), "rows are flat"


def test_the_summary_is_sent_again_only_after_a_change(ada: Client, fleet: None) -> None:
    for path in ("/feed/summary", "/feed/summary?format=text"):
        first = ada.get(path)
        same = ada.get(path, headers={"If-None-Match": first["ETag"]})
        assert (same.status_code, same.content) == (304, b"")
    assert first["Content-Type"] == "text/plain; charset=utf-8"
    assert first.content.decode().splitlines()[0] == ada.get("/feed/summary").json()["sentence"]
    a_scale_set("more", instances=1)
    reconcile(ScaleSet.objects.get(key="fleet/more").pk, lambda: NOW)
    assert ada.get(path, headers={"If-None-Match": first["ETag"]}).status_code == 200


def test_annotations_are_the_upgrades_of_a_time(ada: Client, fleet: None) -> None:
    (found,) = ada.get("/feed/annotations").json()
    assert (found["set"], found["status"], found["time_end"]) == ("fleet/web", "RollingForward", None)
    assert datetime.fromisoformat(found["time"]) == NOW
    before = (NOW - timedelta(hours=1)).isoformat()
    assert ada.get("/feed/annotations", {"to": before}).json() == []
    assert len(ada.get("/feed/annotations", {"from": str(int(NOW.timestamp() * 1000)), "to": "nonsense"}).json()) == 1


def test_a_link_sees_its_scale_sets_only(client: Client, fleet: None) -> None:
    headers = bearer(groups=["other"])
    for path in PATHS:
        assert "web" not in client.get(path, headers=headers).content.decode()
    assert client.get("/feed/summary", headers=headers).json()["scale_sets"]["total"] == 1
    assert client.get("/feed/summary", headers={**headers, "Origin": "https://a"}).status_code == 403


@pytest.mark.parametrize("path", PATHS)
def test_a_summary_needs_a_session_or_a_token(client: Client, path: str) -> None:
    headers = bearer()
    assert client.get(path, headers=headers).status_code == 200
    assert client.get(path).status_code == 401
    revoke_link("lobby", NOW)
    assert client.get(path, headers=headers).status_code == 401
    assert client.post(path).status_code in (403, 405)


def test_a_fleet_without_boards_has_a_sentence(ada: Client) -> None:
    assert ada.get("/feed/summary").json()["key"] == "Summary.empty"
    a_scale_set(instances=1)
    assert ada.get("/feed/summary").json()["key"] == "Summary.calm"
    assert ada.get("/feed/table").json()[0]["total"] is None
