"""What people do on the pages: who may, what is answered, and that each act is one command with its event."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client

from dashboard.rights import RIGHTS
from tests.dashboard.acting import ACTS, OF_ALL, a_running_upgrade, act, done, problem
from tests.dashboard.people import SKU, the_time, with_rights
from tests.stories import NOW, a_scale_set, nothing_changes, snapshot_equals_events
from upgrades.commands.opt_outs import opt_in, opt_out
from upgrades.models import FleetStop, ImageVersion, OptOut, ScaleSet

pytestmark = pytest.mark.django_db


# --- who may ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ACTS)
def test_an_action_is_refused_when_signed_out(client: Client, name: str) -> None:
    a_scale_set()
    with nothing_changes():
        answer = act(client, name)
    assert problem(answer, 401) == "You are signed out. Sign in again; nothing was changed."


@pytest.mark.parametrize("name", ACTS)
def test_an_action_without_the_right_is_refused(name: str) -> None:
    a_scale_set()
    right = ACTS[name][2]
    others = with_rights(*(set(RIGHTS) - {right}))
    with nothing_changes():
        assert problem(act(others, name), 403) == RIGHTS[right].why_not


@pytest.mark.parametrize("name", ACTS)
def test_an_action_without_a_csrf_token_is_refused(name: str) -> None:
    a_scale_set()
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.create_user("ada", is_superuser=True))
    with nothing_changes():
        answer = act(strict, name)
    assert answer.status_code == 403 and "Not accepted" in answer.content.decode()


@pytest.mark.parametrize("name", ACTS)
def test_an_action_accepts_only_post(ada: Client, name: str) -> None:
    a_scale_set()
    assert ada.get(ACTS[name][0]).status_code == 405


@pytest.mark.parametrize("name", sorted(set(ACTS) - OF_ALL))
def test_an_action_on_an_unknown_scale_set_is_refused(ada: Client, name: str) -> None:
    with nothing_changes():
        assert "fleet/web" in problem(act(ada, name))


# --- what is done -----------------------------------------------------------------------------------------------------


def test_opting_out_and_undoing_it(ada: Client) -> None:
    a_scale_set()
    said = done(ada, "opt out")
    assert said["said"] == "2 instances opted out."
    assert set(OptOut.objects.values_list("owner", "reason", "scope")) == {("ada", "it runs the payroll", "until")}
    undo = said["undo"]
    with snapshot_equals_events():
        assert ada.post(undo["url"], undo["values"]).json()["said"] == "Undone: 2 instances as before."
    assert not OptOut.objects.filter(ended_at=None).exists()


def test_opting_out_until_a_day(ada: Client) -> None:
    a_scale_set()
    until = the_time() + timedelta(days=3)
    said = done(ada, "opt out", ids="4", scope="until", until=until.isoformat())
    assert said["said"] == "web_4 opted out."
    assert OptOut.objects.get().until == until


def test_an_opt_out_uses_only_the_chosen_kind_of_end(ada: Client) -> None:
    a_running_upgrade()
    done(ada, "opt out", ids="4", scope="upgrade", until="soon")
    assert OptOut.objects.get().scope == OptOut.Scope.UPGRADE


def test_opting_out_without_the_right_to_opt_in_offers_no_undo() -> None:
    a_scale_set()
    assert "undo" not in done(with_rights("opt_out"), "opt out")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"ids": ""}, "Select at least one instance."),
        ({"ids": "99"}, "no instance 99"),
        ({"reason": "  "}, "Enter a reason."),
        ({"reason": "x" * 501}, "A reason can have at most 500 characters."),
        ({"scope": "for ever"}, "for ever"),
        ({"scope": "until", "until": "soon"}, "Enter a valid date."),
        ({"scope": "upgrade"}, "no upgrade that an opt-out could end with"),
        (
            {"scope": "until", "until": "2001-01-01T00:00:00Z"},
            "An opt-out ends in the future, not at 2001-01-01 00:00:00 UTC.",
        ),
    ],
)
def test_invalid_opt_outs_are_refused(ada: Client, changes: dict[str, str], expected: str) -> None:
    a_scale_set()
    with nothing_changes():
        assert expected in problem(act(ada, "opt out", **changes))


def test_opting_in(ada: Client) -> None:
    a_scale_set()
    opt_out("fleet/web", ["0"], reason="why", owner="me", now=the_time())
    until = OptOut.objects.get().until
    said = done(ada, "opt in")
    assert said["said"] == "web_0 opted in again. Nothing starts for 10 s."
    ending = OptOut.objects.get()
    assert (ending.ending_by, ending.ended_at, ending.until_before) == ("ada", None, until)
    assert done(ada, "opt in")["said"] == "Already opted in."
    with snapshot_equals_events():
        assert ada.post(said["undo"]["url"], said["undo"]["values"]).json()["said"] == "Undone: web_0 stays opted out."
    kept = OptOut.objects.get()
    assert (kept.owner, kept.reason, kept.until, kept.ending_by) == ("me", "why", until, "")
    assert "have ended already" in problem(ada.post(said["undo"]["url"], said["undo"]["values"]))
    assert opt_in("fleet/web", ["0"], owner="me", now=NOW)


def test_a_fleet_stop_for_a_day_is_set_and_ended(ada: Client) -> None:
    a_scale_set()
    said = done(ada, "stop fleet")
    assert said["said"] == "All automatic upgrades are stopped."
    row = FleetStop.objects.get()
    assert (row.owner, row.reason) == ("ada", "a bad image is out")
    assert row.until == row.created_at + timedelta(days=1)
    with snapshot_equals_events():
        assert ada.post(said["undo"]["url"], said["undo"]["values"]).json()["said"] == "Automatic upgrades resumed."
    assert FleetStop.objects.get().ended_by == "ada"
    assert problem(act(ada, "end fleet stop")) == "Automatic upgrades are not stopped."


def test_a_fleet_stop_until_a_time(ada: Client) -> None:
    until = the_time() + timedelta(hours=2)
    done(ada, "stop fleet", until=until.isoformat())
    assert FleetStop.objects.get().until == until


def test_a_fleet_stop_without_the_right_to_end_it_offers_no_undo() -> None:
    assert "undo" not in done(with_rights("stop_fleet"), "stop fleet")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"reason": " "}, "Enter a reason."),
        ({"reason": "x" * 501}, "A reason can have at most 500 characters."),
        ({"until": "soon"}, "Enter a valid date."),
        ({"until": "2001-01-01T00:00:00Z"}, "A stop of the fleet ends in the future"),
    ],
)
def test_invalid_fleet_stops_are_refused(ada: Client, changes: dict[str, str], expected: str) -> None:
    a_scale_set()
    with nothing_changes():
        assert expected in problem(act(ada, "stop fleet", **changes))


def test_automatic_upgrades_off_and_on_again(ada: Client) -> None:
    a_scale_set()
    said = done(ada, "automatic")
    assert said["said"] == "Automatic upgrades of web are off."
    assert not ScaleSet.objects.get().automatic_upgrade
    with snapshot_equals_events():
        assert ada.post(said["undo"]["url"], said["undo"]["values"]).json()["said"].endswith("are on.")
    assert ScaleSet.objects.get().automatic_upgrade


def test_turning_automatic_upgrades_off_while_one_runs_cannot_be_undone(ada: Client) -> None:
    a_running_upgrade()
    assert "undo" not in done(ada, "automatic")


@pytest.mark.parametrize("on", ["", "perhaps"])
def test_a_switch_accepts_only_on_and_off(ada: Client, on: str) -> None:
    a_scale_set()
    with nothing_changes():
        assert problem(act(ada, "automatic", on=on))


@pytest.mark.parametrize(
    ("followers", "expected"),
    [("", "No scale set follows"), ("a", "1 scale set follows"), ("ab", "2 scale sets follow")],
)
def test_publishing(ada: Client, followers: str, expected: str) -> None:
    for name in followers:
        a_scale_set(name, instances=1)
    assert done(ada, "publish", version=" 16.04.9 ")["said"] == f"16.04.9 is published. {expected} this image."
    assert ImageVersion.objects.get(version="16.04.9").limited_to.count() == 0


def test_withdrawing_and_its_undo(ada: Client) -> None:
    a_scale_set("web")
    said = done(ada, "withdraw")
    assert said["said"] == "0.0.1 is withdrawn. 1 scale set is affected."
    row = ImageVersion.objects.get(version="0.0.1", sku__key=SKU.lower())
    assert (row.withdrawn_by, row.withdrawn_reason) == ("ada", "it panics")
    assert done(ada, "withdraw", reason="another")["said"] == "0.0.1 was already withdrawn by ada."
    page = ada.get("/images/").content.decode()
    assert "by ada: it panics" in page
    assert ada.post(said["undo"]["url"], said["undo"]["values"]).json()["said"] == "0.0.1 is restored."
    row.refresh_from_db()
    assert row.withdrawal is None


def test_publishing_in_some_locations(ada: Client) -> None:
    done(ada, "publish", locations="West Europe, eastus ,")
    published = ImageVersion.objects.get(version="16.04.9")
    assert set(published.limited_to.values_list("name", flat=True)) == {"westeurope", "eastus"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"sku": ""}, "Select an image."),
        ({"sku": "a:b:c"}, "a:b:c is not a supported image"),
        ({"sku": "nonsense"}, "nonsense:: is not a supported image"),
        ({"version": ""}, "Enter a version, e.g."),
        ({"version": "newest"}, "An image version is 2 to 4 numbers"),
        ({"version": "0.0.1"}, "0.0.1 is not newer"),
        ({"version": "1." * 60}, "at most 80"),
        ({"locations": "atlantis"}, "There is no location 'atlantis'"),
    ],
)
def test_invalid_versions_are_refused(ada: Client, changes: dict[str, str], expected: str) -> None:
    a_scale_set()
    with nothing_changes():
        assert expected in problem(act(ada, "publish", **changes))
