"""The terminal starts upgrades of the extensions, and says so of them everywhere."""

import pytest

from tests.management.terminal import complains, run
from tests.stories import NOW, a_batch, a_scale_set
from upgrades.admin.base import now
from upgrades.core.states import InstanceUpgradeState, UpgradeKind
from upgrades.management.base import user_name
from upgrades.models import Batch, Instance, RollingUpgrade

pytestmark = pytest.mark.django_db


def extending() -> RollingUpgrade:
    a_scale_set(probe="/health", instances=7)
    Instance.objects.filter(number=6).update(extensions_key="health 1.0")
    run("start", "fleet/web", "--extensions")
    return RollingUpgrade.objects.get()


def lines(*words: str) -> list[str]:
    return [line.strip() for line in run(*words).out.splitlines()]


def test_an_extension_upgrade_is_started_and_steered() -> None:
    a_scale_set(probe="/health")
    assert run("start", "fleet/web", "--extensions").out == "started the extension upgrade of fleet/web"
    assert RollingUpgrade.objects.get().kind == UpgradeKind.EXTENSIONS
    assert run("pause", "fleet/web").out == f"the extension upgrade of fleet/web is paused by {user_name()}"
    assert run("resume", "fleet/web").out == "the extension upgrade of fleet/web goes on"
    assert run("cancel", "fleet/web").out == "the extension upgrade of fleet/web stops at the end of its batch"
    with complains("OperationNotAllowed: fleet/web cannot be upgraded", "of extensions"):
        run("start", "fleet/web", "--extensions")


def test_extensions_and_only_failed_exclude_each_other() -> None:
    a_scale_set(probe="/health")
    with complains("not allowed with argument"):
        run("start", "fleet/web", "--extensions", "--only-failed")


def test_the_status_shows_an_upgrade_of_extensions() -> None:
    upgrade = extending()
    a_batch(upgrade, {0: InstanceUpgradeState.SUCCEEDED}, finished=True)
    assert "RollingForward of extensions 1/6" in run("status").out
    said = lines("status", "fleet/web")
    assert any(line.startswith("upgrade of extensions: RollingForward, started by User") for line in said)
    assert "progress   1 done, 0 failed, 0 in progress, 5 pending" in said


def test_the_plan_is_of_extensions_at_the_pace_of_such_batches() -> None:
    upgrade = extending()
    Batch.objects.create(upgrade=upgrade, number=1, started_at=NOW, finished_at=now())
    RollingUpgrade.objects.update(kind="image", target_version="0.0.1", status="Completed", ended_at=NOW)
    run("start", "fleet/web", "--extensions")
    said = lines("status", "fleet/web", "--plan")
    assert said[1] == "target     the extensions of the model, which are being run now"
    assert [line.split()[:4] for line in said if line.startswith("batch ")][-1] == ["batch", "6", "1:", "5"]
    assert said[-1] == "ends in    no batch was timed yet"
    (row,) = (line for line in lines("status", "--plan") if line.startswith("fleet/web"))
    assert row.split()[1:5] == ["the", "extensions", "it", "runs"]
