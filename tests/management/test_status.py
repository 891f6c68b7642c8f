"""The terminal's view."""

import json
import os
import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command, get_commands
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.management.terminal import run
from tests.stories import NOW, a_batch, a_scale_set, publish
from upgrades import heartbeats
from upgrades.admin.base import now
from upgrades.commands.fleet_stops import end_fleet_stop, stop_fleet
from upgrades.commands.opt_outs import opt_out
from upgrades.commands.scale_sets import delete_scale_set
from upgrades.commands.steering import pause, retry_now
from upgrades.commands.upgrades import cancel, start
from upgrades.core import advice, instance_reasons, reason_kinds, scale_set_reasons
from upgrades.core.states import InstanceUpgradeState, Power, UpgradeStatus
from upgrades.heartbeats import Heartbeats, Part
from upgrades.management import status, why
from upgrades.models import Instance, InstanceUpgrade, ScaleSet
from upgrades.orchestrator.reconcile import reconcile

pytestmark = pytest.mark.django_db


def test_the_status_without_scale_sets_says_how_to_make_one() -> None:
    assert run("status").out == (
        "No scale sets yet. `manage.py put_scale_set RG/NAME FILE.json` makes one, `manage.py demo` a whole fleet."
    )


def test_all_scale_sets() -> None:
    a_scale_set("web", instances=3)
    a_scale_set("größe-組", instances=2, healthy=False, location="northeurope")
    a_scale_set("empty", instances=0)
    Instance.objects.filter(name="web_0").update(version="16.04.1")
    ScaleSet.objects.filter(name="web").update(decision={"text": "nothing to do"})
    delete_scale_set("fleet/empty", NOW)
    publish("16.04.2")
    start("fleet/web", "me", NOW)
    head, empty, größe, web = run("status").out.splitlines()
    assert head.split("  ")[0] == "SCALE SET" and head.split()[-1] == "NOW"
    assert empty.split() == ["fleet/empty", "westeurope", "-", "0/0", "-", "being", "deleted"]
    assert größe.split() == ["fleet/größe-組", "northeurope", "0.0.1", "x2", "0/2", "-"]
    assert "0.0.1 x2, 16.04.1 x1" in web and "3/3" in web
    assert web.endswith("RollingForward to 16.04.2 0/3  nothing to do")


def test_a_scale_set_without_an_upgrade_is_shown() -> None:
    a_scale_set(instances=4)
    opt_out("fleet/web", ["0"], reason="x", owner="me", now=NOW, for_ever=True)
    ScaleSet.objects.update(decision={"text": "nothing to do", "since": "2018-09-25T12:00Z"})
    assert [line.strip() for line in run("status", "Fleet/Web").out.splitlines()] == [
        "fleet/web  (West Europe)",
        "image      Canonical:UbuntuServer:16.04-LTS:latest (latest is 0.0.1)",
        "automatic  on",
        "instances  4 of 4: 4 healthy, 1 opted out",
        "versions   0.0.1 x4",
        "now        nothing to do (since 2018-09-25T12:00Z)",
        "",
        "No upgrade yet.",
    ]


def test_the_numbers_of_the_board_are_said() -> None:
    row = a_scale_set(instances=10)
    Instance.objects.filter(number__in=(1, 2, 3)).update(health="unhealthy")
    opt_out("fleet/web", ["0"], reason="x", owner="me", now=NOW)
    reconcile(row.pk, lambda: NOW)
    said = run("status", "fleet/web").out
    assert "states     3 unhealthy, 6 done, 1 opted out" in said
    assert "done       6 of 9 (66 %)" in said
    assert "unhealthy  3 of 10 (30 %), limit 20 %: 1 over the limit" in said
    assert "  batch " not in said and "  failed " not in said


def test_a_running_upgrade() -> None:
    a_scale_set()
    publish("16.04.1")
    upgrade = start("fleet/web", "me", NOW)
    a_batch(upgrade, {0: InstanceUpgradeState.SUCCEEDED, 1: InstanceUpgradeState.FAILED}, finished=True)
    a_batch(upgrade, {2: InstanceUpgradeState.UPGRADING, 3: InstanceUpgradeState.SUCCEEDED}, number=2)
    said = "\n".join(status.one_set(ScaleSet.objects.get(), NOW + timedelta(seconds=90)))
    assert "upgrade to 16.04.1: RollingForward, started by User (me), 90 s" in said
    assert "progress   2 done, 1 failed, 1 in progress, 6 pending" in said
    assert "batch 1    [############            ] finished: 1 succeeded, 1 failed" in said
    assert "batch 2    [############            ] running: 1 upgrading, 1 succeeded" in said
    assert "cancel" not in said
    cancel("fleet/web", "somebody", NOW)
    assert "cancelling somebody asked for it; the batch in flight is finished first" in run("status", "fleet/web").out


def test_an_upgrade_that_is_steered() -> None:
    a_scale_set()
    publish("16.04.1")
    Instance.objects.filter(number__lt=4).update(failed_version="16.04.1")
    upgrade = start("fleet/web", "me", NOW, only_failed=True)
    assert "only       those that failed on this version" in run("status", "fleet/web").out
    assert "paused" not in run("status", "fleet/web").out
    pause("fleet/web", "ada", NOW)
    said = run("status", "fleet/web").out
    assert "paused     by ada since 2018-09-25 12:00:00 UTC; the batch in flight is finished first" in said
    upgrade.refresh_from_db()
    upgrade.status, upgrade.ended_at, upgrade.pending_at_end = UpgradeStatus.CANCELLED, NOW, 4
    upgrade.cancel_requested_by = "ada"
    upgrade.save()
    retry_now("fleet/web", "eve", NOW)
    said = run("status", "fleet/web").out
    assert "retry      at once: eve" in said and "paused" not in said


def test_rollbacks_and_the_choice_of_a_batch_are_explained() -> None:
    a_scale_set()
    publish("16.04.1")
    upgrade = start("fleet/web", "me", NOW)
    batch = a_batch(upgrade, {0: InstanceUpgradeState.ROLLED_BACK, 1: InstanceUpgradeState.FAILED}, finished=True)
    batch.why = "20 % of 10 is 2, so at most 2."
    batch.save()
    InstanceUpgrade.objects.filter(instance_number=1).update(rollback_error="DiskInUse: locked by a backup")
    said = run("status", "fleet/web").out
    assert "progress   0 done, 2 failed (1 rolled back), 0 in progress, 8 pending" in said
    assert "rollback   1 could not be put back, the first of them: DiskInUse: locked by a backup" in said
    assert "finished: 1 failed, 1 rolled_back\n             because 20 % of 10 is 2, so at most 2." in said


def test_special_instances_are_counted_apart() -> None:
    a_scale_set()
    Instance.objects.filter(number__in=[1, 2, 3]).update(power=Power.STOPPED)
    Instance.objects.filter(number=3).update(operation_id=uuid4(), operation_kind="reimage")
    Instance.objects.filter(number=4).update(quarantined_at=NOW)
    assert "10 healthy, 1 quarantined, 2 switched off, 1 being worked on" in run("status", "fleet/web").out


def test_a_fleet_that_is_stopped_is_said_first() -> None:
    stop_fleet(reason="the new kernel panics", owner="ada", now=now(), until=datetime(2031, 9, 25, tzinfo=UTC))
    first = "All automatic upgrades are stopped by ada until 2031-09-25 00:00:00 UTC: the new kernel panics"
    assert run("status").out.startswith(first + "\nThey go on with: manage.py end_fleet_stop\n\nNo scale sets yet.")
    a_scale_set()
    assert run("status").out.startswith(first + "\n")
    assert run("status", "fleet/web").out.startswith(first + "\n")
    end_fleet_stop(by="ada", now=NOW)
    assert "stopped" not in run("status").out


# --- why it is not moving ---------------------------------------------------------------------------------------------


def test_every_reason_with_the_command_that_would_lift_it() -> None:
    row = a_scale_set()
    publish("16.04.1")
    Instance.objects.filter(number__in=[4, 5, 8]).update(quarantined_at=NOW, failures=3)
    opt_out("fleet/web", ["0", "1"], reason="payroll", owner="ada", now=NOW)
    stop_fleet(reason="panics", owner="eve", now=NOW)
    reconcile(row.pk, lambda: NOW)
    lines = status.one_set(ScaleSet.objects.get(), NOW)
    at = next(number for number, line in enumerate(lines) if line.startswith("  why"))
    since = "since 2018-09-25 12:00:00 UTC"
    assert lines[at : at + 6] == [
        "  why        All automatic upgrades are stopped by eve until 2018-09-26 12:00:00 UTC: panics",
        f"             {since}; until 2018-09-26 12:00:00 UTC; lifted by an operator: manage.py end_fleet_stop",
        "  why        3 instances failed too often where others succeeded. "
        "Automatic upgrades to this version skip them until somebody releases them.",
        f"             instances 4-5 8; {since}; lifted by an operator: manage.py release fleet/web 4 5 8",
        "  why        2 instances opted out by ada until 2018-10-09 12:00:00 UTC: payroll",
        f"             instances 0-1; {since}; until 2018-10-09 12:00:00 UTC; lifted by the owner of the opt-out: "
        "manage.py opt_in fleet/web 0 1",
    ]


def test_a_long_list_of_instances_is_not_written_into_a_command() -> None:
    a_scale_set("we(b)", instances=9)
    ScaleSet.objects.update(decision={"reasons": [a_reason(act="release", instances=[str(id) for id in range(9)])]})
    said = run("status", "fleet/we(b)").out
    assert "instances 0-8; no action needed" not in said
    assert "instances 0-8; lifted by an operator: manage.py release 'fleet/we(b)' ID ..." in said


def test_waits_that_end_by_themselves_say_so() -> None:
    a_scale_set()
    ScaleSet.objects.update(decision={"reasons": [a_reason(who="nobody", act="")]})
    assert "  why        so it is\n             no action needed" in run("status", "fleet/web").out


def test_times_that_are_past_are_not_promised() -> None:
    """With the prober halted it said "until 12:05 at the latest" at 12:30."""
    a_scale_set()
    until = NOW + timedelta(minutes=5)
    promise = "Waiting for 2 instances, until 12:05:00 UTC at the latest."
    reason = a_reason(code="WaitingForHealth", text=promise, until=until.isoformat())
    ScaleSet.objects.update(decision={"code": "WaitingForHealth", "text": promise, "reasons": [reason]})
    for said in (status.one_set, lambda _, now: status.all_sets(now)):
        assert promise in "\n".join(said(ScaleSet.objects.get(), until))
        late = "\n".join(said(ScaleSet.objects.get(), until + timedelta(minutes=25)))
        assert promise not in late
        assert "This was to be over at 2018-09-25 12:05:00 UTC; nobody has looked since." in late


def test_a_part_without_heartbeat_is_named_with_the_time_since_when(settings: Any, tmp_path: Path) -> None:
    settings.ROLLGRID_HOME = tmp_path
    assert "No work" not in run("status").out
    handle = heartbeats.make(tmp_path)
    for part in (Part.BEAT, Part.TICKS, Part.WORKER):
        Heartbeats(handle).worked(part)
    os.close(handle)
    first = run("status").out.splitlines()[0]
    assert re.fullmatch(r"No work is done by: prober \(since 20\d\d-.* UTC\)", first)


def a_reason(**changes: Any) -> dict[str, Any]:
    plain = {"code": "x", "text": "so it is", "gate": "x", "since": None, "until": None, "who": "operator", "act": ""}
    return {**plain, "numbers": {}, "instances": None, **changes}


def test_every_act_of_a_reason_has_its_command() -> None:
    sources = "".join(Path(str(module.__file__)).read_text() for module in (scale_set_reasons, instance_reasons))
    written = set(re.findall(r'LiftedBy\.\w+, "(\w+)"|action="(\w+)"', sources))
    found = {action for pair in written for action in pair if action}
    in_the_table = {kind.action for kind in reason_kinds.KINDS.values() if kind.action}
    named = (
        found | in_the_table | {advice.START, advice.START_UNHEALTHY_FIRST, advice.RETRY_FAILED, advice.CHANGE_POLICY}
    )
    assert named == set(why.COMMANDS)
    there_are = {name for name, app in get_commands().items() if app == "upgrades"}
    assert {words.split()[0] for words in why.COMMANDS.values()} <= there_are


# --- others -----------------------------------------------------------------------------------------------------------


def test_a_faulted_upgrade() -> None:
    a_scale_set()
    publish("16.04.1")
    upgrade = start("fleet/web", "", NOW)
    upgrade.status, upgrade.ended_at = UpgradeStatus.FAULTED, upgrade.started_at + timedelta(seconds=60)
    upgrade.error = {"code": "MaxUnhealthyInstancePercentExceeded", "message": "too many", "details": []}
    upgrade.pending_at_end = 10
    upgrade.save()
    said = run("status", "fleet/web").out
    assert "upgrade to 16.04.1: Faulted, started by User, 60 s" in said
    assert "error      MaxUnhealthyInstancePercentExceeded: too many" in said
    assert "Faulted to 16.04.1 0/10" in run("status").out


def test_the_number_of_queries_does_not_grow_with_the_instances() -> None:
    for name, instances in (("small", 2), ("big", 200)):
        a_scale_set(name, instances=instances)
    publish("16.04.1")
    for name, instances in (("small", 2), ("big", 200)):
        a_batch(start(f"fleet/{name}", "me", NOW), dict.fromkeys(range(instances), InstanceUpgradeState.UPGRADING))
    counts = []
    for name in ("small", "big"):
        with CaptureQueriesContext(connection) as queries:
            run_quietly("status", f"fleet/{name}")
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 15
    with CaptureQueriesContext(connection) as before:
        run_quietly("status")
    Instance.objects.filter(scale_set__name="big", number__gte=2).delete()
    with CaptureQueriesContext(connection) as after:
        run_quietly("status")
    assert len(before) == len(after)


def run_quietly(*words: str) -> None:
    call_command(*words, stdout=StringIO())


def test_status_counts_machines_and_explains_missing_instances() -> None:
    row = a_scale_set(instances=6)
    for instance in Instance.objects.filter(number__gte=4):
        instance.note_creation_failed("QuotaExceeded", f"instance {instance.number} is beyond the quota", NOW)
        instance.os_disk, instance.version = "", ""
        instance.save()
    reconcile(row.pk, lambda: NOW)
    lines = [line.strip() for line in status.one_set(ScaleSet.objects.get(), NOW)]
    assert any(line.startswith("instances  4 of 6:") and line.endswith("2 without a machine") for line in lines)
    said = "Could not create 2 machines: instance 4 is beyond the quota. Retries at"
    (place,) = [place for place, line in enumerate(lines) if said in line]
    assert (
        "instances 4-5" in lines[place + 1] and "lifted by an operator: manage.py retry fleet/web" in lines[place + 1]
    )
    assert "the missing machines of fleet/web are tried again at once" in run("retry", "fleet/web").out
    assert not Instance.objects.exclude(creation_tried_at=None).exists()


def test_scripts_read_the_same_as_json() -> None:
    row = a_scale_set(instances=10)
    publish("16.04.1")
    reconcile(row.pk, lambda: NOW)
    told = json.loads(run("status", "fleet/web", "--json").out)
    assert (told["scale_set"], told["standing"]["instances"], told["board"]["counts"]["total"]) == ("fleet/web", 10, 10)
    assert [scale_set["scale_set"] for scale_set in json.loads(run("status", "--json").out)] == ["fleet/web"]
    planned = json.loads(run("status", "fleet/web", "--plan", "--json").out)
    assert (planned["target"], planned["is_running"], planned["by_hand"]) == ("16.04.1", True, False)
    assert planned["instances"] == sum(batch["size"] for batch in planned["batches"])
    assert [scale_set["scale_set"] for scale_set in json.loads(run("status", "--plan", "--json").out)] == ["fleet/web"]
