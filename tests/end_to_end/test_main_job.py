"""The main job, headless: a published image rolls a fleet by itself. Every process is real; stories share one `up`."""

import json
import re
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.fleets import next_version, publish, put_fleet
from tests.end_to_end.installation import LIVE, Installation, Watch, each
from tests.metrics import names
from tests.metrics.promtool import promtool
from tests.metrics.scraping import samples
from tests.stories import WINDOWS, document
from tests.waiting import wait_until
from upgrades.core.health import fresh_for
from upgrades.core.states import Health, InstanceUpgradeState, UpgradeStatus
from upgrades.models import InstanceUpgrade, RollingUpgrade, Transition

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]
EXAMPLE = Path(__file__).parents[1] / "vectors" / "ScaleSet_Create_WithAzureLoadBalancer.2018-10-01.json"


@pytest.fixture(autouse=True)
def _own_scale_sets(up: Installation) -> Iterator[None]:
    """A story has no scale sets but its own: each image that others publish would roll through all 400 instances of the first story too."""
    yield
    up.delete_scale_sets()


def example() -> Any:
    """The official example, with names in the places of its placeholders, made to be upgraded automatically."""
    whole = json.loads(re.sub(r"\{([\w-]+)\}", r"\1", EXAMPLE.read_text()))  # "{existing-load-balancer-name}"
    body = whole["parameters"]["parameters"]
    body["properties"]["upgradePolicy"]["automaticOSUpgradePolicy"] = {"enableAutomaticOSUpgrade": True}
    return whole


def put_what_the_example_refers_to(up: Installation) -> None:
    network = {"subnets": [{"name": "existing-subnet-name"}]}
    path = "myResourceGroup/Microsoft.Network/virtualNetworks/existing-virtual-network-name"
    up.put(path, {"location": "westus", "properties": network}, kind="resource")
    balancer = {
        "backendAddressPools": [{"name": "existing-backend-address-pool-name"}],
        "inboundNatPools": [{"name": "existing-nat-pool-name"}],
    }
    path = "myResourceGroup/existing-load-balancer-name"
    up.put(path, {"location": "westus", "properties": balancer}, kind="load_balancer")


def test_a_published_image_rolls_a_fleet_by_itself(up: Installation) -> None:
    """S-1, S-2, S-7, S-9, S-11, S-14, S-16."""
    put_what_the_example_refers_to(up)
    up.put("myResourceGroup/official", example())
    put_fleet(up, "fleet/web", 400)
    up.wait_healthy("myResourceGroup/official")
    before = up.views("fleet/web")
    version = next_version()

    with Watch(up, "fleet/web") as watch:
        publish(up, version)
        upgrade = up.wait_ended("fleet/web", version)
    small = up.wait_ended("myResourceGroup/official", version)

    assert (upgrade.status, upgrade.started_by, small.status) == (
        UpgradeStatus.COMPLETED,
        "Platform",
        UpgradeStatus.COMPLETED,
    )
    assert each(up.instances("fleet/web"), lambda row: row.version) == {version}
    assert each(up.instances("myResourceGroup/official"), lambda row: row.version) == {version}
    _check_batches(watch)
    _check_machines(up, version, before)
    _check_history(up, upgrade)


def _check_batches(watch: Watch) -> None:
    assert len(watch.in_flight) > 50, "too few samples to say anything"
    assert max(watch.in_flight) == 80
    assert max(watch.batches_at_once) == 1
    assert max(watch.machines_down) <= 80


def _check_machines(up: Installation, version: str, before: dict[str, Any]) -> None:
    after = up.views("fleet/web")
    assert len(after) == 400
    for id, view in after.items():
        assert view.version == version
        assert view.os_disk != before[id].os_disk
        assert view.data_disks == before[id].data_disks and view.data_disks[0].marker


def _check_history(up: Installation, upgrade: RollingUpgrade) -> None:
    members = InstanceUpgrade.objects.using(LIVE).filter(upgrade=upgrade)
    assert [batch.members.count() for batch in upgrade.batches.order_by("number")] == [80] * 5
    assert set(members.values_list("state", flat=True)) == {InstanceUpgradeState.SUCCEEDED}
    assert members.count() == len(set(members.values_list("new_os_disk", flat=True))) == 400
    swaps = Transition.objects.using(LIVE).filter(upgrade_id=upgrade.pk, state=InstanceUpgradeState.UPGRADING)
    assert swaps.count() == len(set(swaps.values_list("instance_number", flat=True))) == 400
    assert upgrade.ended_at and upgrade.error is None


def test_a_version_that_answers_503_fails_its_first_batch_only(up: Installation) -> None:
    """S-43, A-9, and the document's reason to wait for health: who failed runs on the old OS disk again, nobody else is touched."""
    version = next_version()
    put_fleet(up, "fleet/sick", 20, bad_versions=version)
    before = {id: (view.os_disk, view.data_disks) for id, view in up.views("fleet/sick").items()}
    publish(up, version)
    upgrade = up.wait_ended("fleet/sick", version)
    assert upgrade.status == UpgradeStatus.FAULTED
    assert upgrade.error and upgrade.error["code"] == "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade"
    members = InstanceUpgrade.objects.using(LIVE).filter(upgrade=upgrade).order_by("instance_number")
    assert [(member.instance_number, member.state) for member in members] == [
        (id, InstanceUpgradeState.ROLLED_BACK) for id in range(4)
    ]
    assert {id: (view.os_disk, view.data_disks) for id, view in up.views("fleet/sick").items()} == before
    up.wait_healthy("fleet/sick")
    said = up.manage("status", "fleet/sick")
    assert "MaxUnhealthyUpgraded" in said and "Retries at" in said


def test_a_worker_killed_in_mid_batch_costs_nothing(up: Installation) -> None:
    put_fleet(up, "fleet/killed", 50, boot="2")
    version = next_version()
    with Watch(up, "fleet/killed") as watch:
        publish(up, version)
        wait_until(lambda: watch.in_flight and watch.in_flight[-1] == 10, seconds=20, what="a batch in flight")
        up.kill("worker")
        upgrade = up.wait_ended("fleet/killed", version)
    assert upgrade.status == UpgradeStatus.COMPLETED
    members = InstanceUpgrade.objects.using(LIVE).filter(upgrade=upgrade)
    assert members.count() == len(set(members.values_list("new_os_disk", flat=True))) == 50
    assert max(watch.in_flight) <= 10 and max(watch.machines_down) <= 10


def test_max_surge_loses_no_capacity_though_the_worker_is_killed(up: Installation) -> None:
    """A-18: with a quota that has room for just one batch more."""
    put_fleet(up, "fleet/surge", 10, rolling={"maxSurge": True}, quota="12")
    before = up.views("fleet/surge")
    version = next_version()
    with Watch(up, "fleet/surge") as watch:
        publish(up, version)
        wait_until(lambda: len(up.instances("fleet/surge")) == 12, seconds=20, what="new instances")
        up.kill("worker")
        upgrade = up.wait_ended("fleet/surge", version)
        wait_until(lambda: len(up.views("fleet/surge")) == 10, seconds=20, what="the old ones gone")
    assert upgrade.status == UpgradeStatus.COMPLETED
    assert min(watch.machines_up) == 10 and max(watch.in_flight) == 2
    replaced = InstanceUpgrade.objects.using(LIVE).filter(upgrade=upgrade, replacement_number__gte=10)
    assert sorted(replaced.values_list("instance_number", flat=True)) == list(range(10))
    after = up.views("fleet/surge")
    assert not after.keys() & before.keys()
    assert {view.version for view in after.values()} == {version}


def test_no_upgrade_starts_while_the_machines_do_not_answer(up: Installation) -> None:
    """SIGSTOP: probed sets turn unhealthy, others have no news; nothing is touched, and all goes on by itself afterwards."""
    put_fleet(up, "fleet/halted", 10)
    up.put("fleet/unprobed", document(image=WINDOWS, capacity=3))
    up.wait_healthy("fleet/unprobed")
    version = next_version()
    simulator = up.children()["simulator"]
    simulator.send_signal(signal.SIGSTOP)
    try:
        wait_until(
            lambda: each(up.instances("fleet/halted"), lambda row: row.health) == {Health.UNHEALTHY},
            seconds=20,
            what="all unhealthy",
        )
        wait_until(lambda: _has_old_news(up, "fleet/unprobed"), seconds=20, what="old news of the unprobed set")
        publish(up, version)
        for path in ("fleet/halted", "fleet/unprobed"):
            wait_until(
                lambda path=path: up.scale_set(path).decision.get("code") == "ProviderUnavailable",  # type: ignore[misc]
                seconds=20,
                what=f"{path} waits for its provider",
            )
        touched = InstanceUpgrade.objects.using(LIVE).filter(upgrade__target_version=version)
        assert not touched.filter(upgrade__scale_set__key__in=["fleet/halted", "fleet/unprobed"]).exists()
    finally:
        simulator.send_signal(signal.SIGCONT)
    for path in ("fleet/halted", "fleet/unprobed"):
        wait_until(
            lambda path=path: each(up.instances(path), lambda row: row.version) == {version},  # type: ignore[misc]
            seconds=60,
            what=f"{path} on {version}",
        )


def _has_old_news(up: Installation, path: str) -> bool:
    """What was published before would rightly be begun: the last news of its machines may be acted on for a while."""
    row = up.scale_set(path)
    return row.probed_at is not None and datetime.now(UTC) - row.probed_at > fresh_for(row.health_interval)  # noqa: TID251  the real clock


def test_an_opted_out_instance_stays_as_it_is(up: Installation) -> None:
    put_fleet(up, "fleet/kept", 5)
    said = up.manage("opt_out", "fleet/kept", "3", "--reason", "debugging a leak")
    assert "kept_3" in said
    before = up.instances("fleet/kept")[3].os_disk
    version = next_version()
    publish(up, version)
    assert up.wait_ended("fleet/kept", version).status == UpgradeStatus.COMPLETED
    assert [row.version == version for row in up.instances("fleet/kept")] == [True, True, True, False, True]
    assert up.instances("fleet/kept")[3].os_disk == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("publish_image", "Nobody", "Nothing", "None", "1.0.0"), "is not a supported image"),
        (("publish_image", *WINDOWS, "0.0.0"), "is not newer"),
        (("publish_image", *WINDOWS, "latest"), "an image version is"),
        (("publish_image", *WINDOWS, "9999.0.0", "--location", "atlantis"), "no location"),
        (("opt_out", "no/set", "1", "--reason", "r"), "there is no scale set"),
        (("start", "no/set"), "there is no scale set"),
        (("put_scale_set", "a/b", "/does/not/exist.json"), "cannot read"),
    ],
    ids=lambda given: given[0] if isinstance(given, tuple) else "",
)
def test_bad_input_is_refused_in_one_line(up: Installation, words: tuple[str, ...], says: str) -> None:
    said = up.manage(*words, fails=True)
    assert says in said
    assert len(said.strip().splitlines()) == 1


def test_metrics_of_a_running_installation_are_whole_and_valid(up: Installation) -> None:
    put_fleet(up, "prod/measured", instances=2)
    up.wait_healthy("prod/measured")
    status, text = up.ask("/metrics")
    assert status == 200
    promtool("check", "metrics", given=text)
    told = set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))
    assert told == {listed.name for listed in names.everything()}
    assert samples(text)["rollgrid_engine_up"] == {(): 1.0}
    assert samples(text)["rollgrid_feed_frames_sent_total"] == {(("program", up.server),): 0.0}
    assert samples(text)["rollgrid_reconcile_duration_seconds_count"][(("program", "worker"),)] > 0
