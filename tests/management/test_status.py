"""The terminal's view."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.management.terminal import run
from tests.stories import NOW, a_batch, a_scale_set, publish
from upgrades.commands.opt_outs import opt_out
from upgrades.commands.scale_sets import delete_scale_set
from upgrades.commands.upgrades import cancel, start
from upgrades.core.states import MemberState, UpgradeStatus
from upgrades.management import status
from upgrades.models import Instance, ScaleSet

pytestmark = pytest.mark.django_db


def test_nothing_yet() -> None:
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


def test_one_scale_set_without_an_upgrade() -> None:
    a_scale_set(instances=4)
    opt_out("fleet/web", ["0"], reason="x", owner="me", now=NOW)
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


def test_a_running_upgrade() -> None:
    a_scale_set()
    publish("16.04.1")
    upgrade = start("fleet/web", "me", NOW)
    a_batch(upgrade, {0: MemberState.SUCCEEDED, 1: MemberState.FAILED}, finished=True)
    a_batch(upgrade, {2: MemberState.UPGRADING, 3: MemberState.SUCCEEDED}, number=1)
    said = "\n".join(status.one_set(ScaleSet.objects.get(), NOW + timedelta(seconds=90)))
    assert "upgrade to 16.04.1: RollingForward, started by User (me), 90 s" in said
    assert "progress   2 done, 1 failed, 1 in progress, 6 pending" in said
    assert "batch 0    [############            ] finished: 1 failed, 1 succeeded" in said
    assert "batch 1    [############            ] running: 1 succeeded, 1 upgrading" in said
    assert "cancel" not in said
    cancel("fleet/web", "somebody", NOW)
    assert "cancelling somebody asked for it; the batch in flight is finished first" in run("status", "fleet/web").out


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
        a_batch(start(f"fleet/{name}", "me", NOW), dict.fromkeys(range(instances), MemberState.UPGRADING))
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
