"""What a page says before something is done that cannot be taken back: the engine's own plan, and whose word it overrules."""

from typing import Any

import pytest
from django.test import Client

from tests.commands.test_approvals import deferred_set
from tests.dashboard.people import HERE, the_time, with_rights
from tests.stories import NOW, UBUNTU, a_batch, a_scale_set, nothing_changes, publish
from upgrades.commands.fleet_stops import stop_fleet
from upgrades.commands.images import withdraw_image
from upgrades.commands.opt_outs import opt_out
from upgrades.commands.upgrades import start
from upgrades.core.facts import ImageReference
from upgrades.core.states import Health, InstanceUpgradeState
from upgrades.models import Instance, ScaleSet

pytestmark = pytest.mark.django_db


def would(client: Client, action: str, **sent: str) -> dict[str, Any]:
    with nothing_changes():
        answer = client.get(f"{HERE}would/{action}/", sent)
    assert answer.status_code == 200, answer.content
    return in_english(answer.json())


def in_english(said: dict[str, Any]) -> dict[str, Any]:
    """The sentences as texts."""
    texts = {name: [sentence["text"] for sentence in said[name]] for name in ("says", "held")}
    return {**said, **texts, "why": said["why"]["text"]}


def test_a_start_says_its_batches_and_begins_nothing(ada: Client) -> None:
    a_scale_set()
    publish("16.04.9")
    ScaleSet.objects.update(probed_at=the_time())
    said = would(ada, "start")
    assert (said["possible"], said["asks"], said["url"]) == (True, True, f"{HERE}start/")
    assert said["title"] == "Upgrade web to 16.04.9?"
    assert "10 instances would be upgraded to 16.04.9, in 5 batches." in said["says"]
    assert [(batch["number"], batch["count"], batch["instances"]) for batch in said["batches"][:2]] == [
        (1, 2, "0-1"),
        (2, 2, "2-3"),
    ]


def test_a_start_during_a_fleet_stop_says_so(ada: Client) -> None:
    a_scale_set()
    publish("16.04.9")
    stop_fleet(reason="a bad image is out", owner="bob", now=the_time())
    assert "All automatic upgrades are stopped by bob: a bad image is out" in would(ada, "start")["says"]


def test_a_start_in_vain_says_why_and_has_no_plan(ada: Client) -> None:
    a_scale_set()
    said = would(ada, "start")
    assert (said["possible"], said["why"], said["batches"]) == (False, "All instances run 0.0.1.", [])


def test_ending_another_persons_opt_out_shows_owner_reason_and_consequences(ada: Client) -> None:
    a_scale_set()
    publish("16.04.9")
    ScaleSet.objects.update(probed_at=the_time())
    opt_out("fleet/web", [str(number) for number in range(10)], reason="holds sessions", owner="bob", now=the_time())
    said = would(ada, "opt_in", ids="3,4")
    assert said["asks"] and said["title"] == "Opt 2 instances in again?"
    assert [(opt_out["name"], opt_out["owner"], opt_out["reason"]) for opt_out in said["opt_outs"]] == [
        ("web_3", "bob", "holds sessions"),
        ("web_4", "bob", "holds sessions"),
    ]
    assert "2 instances would be upgraded to 16.04.9, in 1 batch." in said["says"]
    assert said["values"] == {"ids": "3,4"}


def test_an_own_opt_out_ends_without_a_question(ada: Client) -> None:
    a_scale_set()
    opt_out("fleet/web", ["3"], reason="x", owner="ada", now=the_time())
    assert not would(ada, "opt_in", ids="3")["asks"]


def test_a_cancel_says_whether_a_batch_is_finished_first(ada: Client) -> None:
    a_scale_set()
    publish("16.04.9")
    upgrade = start("fleet/web", "me", NOW)
    assert "No batch is in progress: the upgrade ends at once." in would(ada, "cancel")["says"]
    a_batch(upgrade, {0: InstanceUpgradeState.UPGRADING, 1: InstanceUpgradeState.UPGRADING})
    assert "Batch 1 (2 instances) is finished first." in would(ada, "cancel")["says"]


def test_the_holds_on_an_upgrade_are_named(ada: Client) -> None:
    a_scale_set()
    publish("16.04.9")
    Instance.objects.filter(number=1).update(health=Health.INITIALIZING, health_since=the_time())
    ScaleSet.objects.update(probed_at=the_time())
    said = would(ada, "start")
    assert said["possible"] and said["held"], said


def test_turning_automatic_upgrades_on_asks_where_something_begins(ada: Client) -> None:
    a_scale_set()
    assert not would(ada, "automatic", on="true")["asks"]
    publish("16.04.9")
    assert would(ada, "automatic", on="true")["asks"]
    assert not would(ada, "automatic", on="false")["asks"]


def test_ending_a_fleet_stop_shows_its_owner(ada: Client) -> None:
    stop_fleet(reason="a bad image is out", owner="bob", now=the_time())
    said = in_english(ada.get("/fleet-stop/end/would/").json())
    assert said["possible"] and said["says"][0] == "Stopped by bob: a bad image is out"


def test_approving_some_instances_counts_only_these(ada: Client) -> None:
    """The others go on waiting: they hold nothing of what is approved."""
    deferred_set()
    publish("16.04.9")
    said = would(ada, "approve", ids="1", version="16.04.9")
    assert said["says"][0] == "1 instance would be upgraded to 16.04.9, in 1 batch."
    assert [batch["instances"] for batch in said["batches"]] == ["1"]
    assert "9 instances are waiting for approval of the upgrade to 16.04.9." in said["held"]


def test_publishing_says_which_scale_sets_would_be_upgraded(ada: Client) -> None:
    a_scale_set()
    stop_fleet(reason="a bad image is out", owner="bob", now=the_time())
    sent = {"sku": "Canonical:UbuntuServer:16.04-LTS", "version": "16.04.9", "locations": ""}
    with nothing_changes():
        said = in_english(ada.get("/images/publish/would/", sent).json())
    assert said["says"] == [
        "Upgraded automatically, with the number of instances: fleet/web (10).",
        "All automatic upgrades are stopped by bob; these start when that ends.",
    ]
    assert (said["asks"], said["url"], said["values"]) == (True, "/images/publish/", sent)
    assert said["title"] == "Publish 16.04.9 of Canonical:UbuntuServer:16.04-LTS?"
    some = in_english(ada.get("/images/publish/would/", {**sent, "locations": "westus, eastus"}).json())
    assert some["says"] == ["Only in: westus, eastus.", "No scale set is upgraded automatically."]
    refused = ada.get("/images/publish/would/", {**sent, "version": "0.0.0"})
    assert refused.status_code == 409 and "is not newer" in refused.json()["error"]["message"]


def test_restoring_shows_the_withdrawal_and_the_affected_scale_sets(ada: Client) -> None:
    a_scale_set()
    publish("16.04.9")
    withdraw_image(ImageReference(*UBUNTU, "16.04.9"), NOW, by="bob", reason="it panics")
    sent = {"sku": ":".join(UBUNTU), "version": "16.04.9"}
    with nothing_changes():
        said = in_english(ada.get("/images/withdraw/undo/would/", sent).json())
    assert said["says"] == [
        "Withdrawn by bob: it panics",
        "Upgraded automatically, with the number of instances: fleet/web (10).",
    ]
    assert (said["asks"], said["url"], said["values"]) == (True, "/images/withdraw/undo/", sent)
    publish("16.04.10")
    said = in_english(ada.get("/images/withdraw/undo/would/", sent).json())
    assert said["says"][1:] == ["No scale set is upgraded automatically."], "there is a newer one"
    assert ada.get("/images/withdraw/undo/would/", {**sent, "version": "9.9"}).status_code == 409


def test_consequences_of_publishing_need_the_right_to_publish(client: Client) -> None:
    paths, other = ("/images/publish/would/", "/images/withdraw/undo/would/"), with_rights("steer")
    assert [client.get(path).status_code for path in paths] == [401, 401]
    assert [other.get(path).status_code for path in paths] == [403, 403]


@pytest.mark.parametrize("path", [f"{HERE}would/start/", f"{HERE}would/opt_in/", "/fleet-stop/end/would/"])
def test_consequences_of_an_action_need_the_right_to_it(client: Client, path: str) -> None:
    a_scale_set()
    assert client.get(path).status_code == 401
    assert with_rights("publish").get(path).status_code == 403


def test_unknown_actions_are_not_found(ada: Client) -> None:
    a_scale_set()
    assert ada.get(f"{HERE}would/explode/").status_code == 404
    assert ada.get(f"{HERE}would/opt_in/", {"ids": "99"}).status_code == 409
