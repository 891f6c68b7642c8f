"""Random scale sets, as rows: of every state that the rules know, in the middle of an upgrade, before one and after one."""

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tests.stories import NOW, UBUNTU, a_batch, a_scale_set, edited, publish
from upgrades.commands import fleet_stops, images, opt_outs, steering, upgrades
from upgrades.commands.errors import Refused
from upgrades.commands.scale_sets import set_model
from upgrades.core.facts import Facts, ImageReference
from upgrades.core.states import (
    Health,
    InstanceUpgradeState,
    OperationKind,
    Power,
    Provisioning,
    StartedBy,
    UpgradeKind,
)
from upgrades.models import Batch, Instance, InstanceUpgrade, RollingUpgrade, ScaleSet
from upgrades.orchestrator.instance_rows import new_surge_instances
from upgrades.orchestrator.reconcile import reconcile
from upgrades.orchestrator.record import OPERATION_OF

OLD, MIDDLE, NEW, NEXT = "16.04.201801", "16.04.201802", "16.04.201803", "16.04.201804"
AUTOMATIC = "properties.upgradePolicy.automaticOSUpgradePolicy"
VERSION = "properties.virtualMachineProfile.storageProfile.imageReference.version"
# How far the members of the batch in flight are; of those before it all are done.
IN_FLIGHT = (InstanceUpgradeState.QUEUED, InstanceUpgradeState.UPGRADING, InstanceUpgradeState.VERIFYING)
DONE = (
    *[InstanceUpgradeState.SUCCEEDED] * 6,
    InstanceUpgradeState.FAILED,
    InstanceUpgradeState.ROLLED_BACK,
    InstanceUpgradeState.SKIPPED,
)


@dataclass(slots=True)
class Drawn:
    """One scale set, and the moment at which it was looked at."""

    row: ScaleSet
    now: datetime


def draw(seed: int) -> Drawn:
    luck = random.Random(seed)
    for version in (OLD, MIDDLE):
        publish(version)
    row = _scale_set(luck)
    if luck.random() < 0.9:
        publish(NEW)
    _instances(luck, row)
    if luck.random() < 0.65:
        _upgrade(luck, row)
    if luck.random() < 0.15:
        _scale_in(luck, row)
    _people(luck, row)
    now = NOW + timedelta(seconds=luck.choice([0, 20, 400]))
    ScaleSet.objects.filter(pk=row.pk).update(probed_at=now if luck.random() < 0.9 else NOW - timedelta(hours=1))
    reconcile(row.pk, lambda: now)
    if luck.random() < 0.3:
        now = _afterwards(luck, row, now)
    return Drawn(ScaleSet.objects.select_related("location", "sku").get(pk=row.pk), now)


def situations(facts: Facts) -> set[str]:
    """Which of SITUATIONS this scale set is in."""
    return {name for name, is_in in SITUATIONS.items() if is_in(facts)}


SITUATIONS: dict[str, Callable[[Facts], bool]] = {
    "an upgrade of the image": lambda facts: bool(facts.upgrade and facts.upgrade.kind is UpgradeKind.IMAGE),
    "an upgrade of extensions": lambda facts: bool(facts.upgrade and facts.upgrade.kind is UpgradeKind.EXTENSIONS),
    "no upgrade": lambda facts: facts.upgrade is None,
    "a surge in flight": lambda facts: any(instance.is_unused_surge for instance in facts.instances),
    "instances on their way out": lambda facts: any(instance.is_being_deleted for instance in facts.instances),
    "opted out": lambda facts: any(instance.is_opted_out for instance in facts.instances),
    "without a machine": lambda facts: any(instance.missing for instance in facts.instances),
    "a fleet stop": lambda facts: facts.fleet_stop is not None,
}


def _scale_set(luck: random.Random) -> ScaleSet:
    limits = luck.choice([(20, 20, 20), (5, 20, 20), (34, 50, 50), (20, 5, 5), (100, 100, 100)])
    row = a_scale_set(
        instances=luck.choice([0, 1, 4, 10, 23, 60]),
        version=OLD,
        rolling=dict(zip(("maxBatchInstancePercent", "maxUnhealthyInstancePercent"), limits, strict=False))
        | {"maxUnhealthyUpgradedInstancePercent": limits[2]}
        | {"pauseTimeBetweenBatches": luck.choice(["PT0S", "PT5M"])}
        | {"enableCrossZoneUpgrade": luck.random() < 0.3, "prioritizeUnhealthyInstances": luck.random() < 0.3},
        automatic=luck.random() < 0.8,
        probe="/health",
        model={"zones": luck.choice([["1", "2"], ["1", "2", "3"]])} if luck.random() < 0.4 else {},
    )
    if luck.random() < 0.15:
        pinned = edited(row.document, VERSION, luck.choice([OLD, MIDDLE]))
        set_model(row.key, edited(pinned, AUTOMATIC, {}), NOW)
    domains, deferral, surge = luck.choice([0, 0, 5]), luck.random() < 0.2, luck.random() < 0.25
    policy = replace(row.policy, deferral=deferral, max_surge=surge)
    ScaleSet.objects.filter(pk=row.pk).update(update_domains=domains, policy=policy)
    return ScaleSet.objects.select_related("location", "sku").get(pk=row.pk)


def _instances(luck: random.Random, row: ScaleSet) -> None:
    trouble = luck.choice([0.0, 0.1, 0.4])
    for instance in row.instances.all():
        instance.version = luck.choice([OLD, OLD, OLD, MIDDLE, NEW, NEXT]) if luck.random() < 0.3 else instance.version
        if luck.random() < trouble:
            _afflict(luck, instance)
        instance.save()


def _switch_off(luck: random.Random, instance: Instance) -> None:
    """By somebody, or since the work on its OS disk ended half way."""
    instance.power = Power.STOPPED
    if luck.random() < 0.4:
        instance.version, instance.half_made = "", True


def _afflict(luck: random.Random, instance: Instance) -> None:
    match luck.randrange(8):
        case 0 | 1:
            instance.take_health(Health.UNHEALTHY, "HTTP 503", NOW)
        case 2:
            instance.take_health(Health.UNKNOWN, "no answer", NOW)
        case 3:
            instance.health = Health.INITIALIZING
            instance.health_since = NOW - luck.choice([timedelta(0), timedelta(hours=1)])
        case 4:
            _switch_off(luck, instance)
        case 5:
            instance.failed_version, instance.quarantined_at = NEW, NOW
        case 6:
            instance.failed_version, instance.approved_version = NEW, NEW
        case 7:
            instance.note_creation_failed("OutOfQuota", "no quota", NOW)
            instance.version = ""


def _upgrade(luck: random.Random, row: ScaleSet) -> None:
    """Some batches that are over, perhaps one in flight: in place, of surge instances, or of extensions."""
    upgrade = _begin(luck, row)
    waiting = list(row.instances.filter(missing_since=None).order_by("number"))
    if not upgrade.target_extensions:
        waiting = [instance for instance in waiting if instance.version < upgrade.target_version]
    for number in range(1, luck.randrange(1, 4) + 1):
        taken, waiting = waiting[:2], waiting[2:]
        if not taken:
            break
        is_last = number == 3 or not waiting or luck.random() < 0.5
        in_flight = is_last and luck.random() < 0.6
        states = {instance.number: luck.choice(IN_FLIGHT if in_flight else DONE) for instance in taken}
        batch = a_batch(upgrade, states, number=number, finished=not in_flight)
        bring = _bring_beside if row.policy.max_surge and not upgrade.target_extensions else _bring
        bring(batch)
        if is_last:
            break


def _begin(luck: random.Random, row: ScaleSet) -> RollingUpgrade:
    """Only people start upgrades of extensions, and nobody need approve what people start."""
    by, target, extensions = luck.choice([StartedBy.PLATFORM, StartedBy.USER]), luck.choice([NEW, NEW, MIDDLE]), ""
    if luck.random() < 0.2:
        by, target, extensions = StartedBy.USER, "", "newer extensions"
    policy = row.policy if by is StartedBy.PLATFORM else replace(row.policy, deferral=False)
    image, day = ImageReference(*UBUNTU, target), timedelta(days=1)
    return RollingUpgrade.begin(row, image, by, NOW, policy=policy, lasts_at_most=day, extensions=extensions)


def _bring(batch: Batch) -> None:
    """What the states of the members mean for their instances."""
    upgrade = batch.upgrade
    for member in batch.members.select_related("instance"):
        instance, state = member.instance, InstanceUpgradeState(member.state)
        assert instance
        if state in (InstanceUpgradeState.SUCCEEDED, InstanceUpgradeState.VERIFYING, InstanceUpgradeState.FAILED):
            instance.version, instance.half_made = upgrade.target_version or instance.version, False
            instance.extensions_key = upgrade.target_extensions or instance.extensions_key
        if state is InstanceUpgradeState.UPGRADING:
            instance.operation_id, instance.operation_kind = member.pk, OPERATION_OF[UpgradeKind(upgrade.kind)]
            instance.operation_version, instance.operation_at = upgrade.target_version, NOW
        if state in (InstanceUpgradeState.FAILED, InstanceUpgradeState.ROLLED_BACK):
            instance.failed_version = upgrade.target_version
        if state is InstanceUpgradeState.VERIFYING and instance.health == Health.HEALTHY:
            instance.health = Health.INITIALIZING
        _note_swapped(member)
        instance.save()


def _bring_beside(batch: Batch) -> None:
    """The same for surge instances: each is still being made, is awaited, or has taken the place of the old one, which goes."""
    upgrade, row = batch.upgrade, batch.upgrade.scale_set
    members = list(batch.members.select_related("instance").exclude(state=InstanceUpgradeState.SKIPPED))
    old = [member.instance for member in members if member.instance]
    for member, instance in zip(members, new_surge_instances(row, old, upgrade.target_version, NOW), strict=True):
        state, instance.member = InstanceUpgradeState(member.state), member
        instance.operation_id = member.pk
        if state not in (InstanceUpgradeState.QUEUED, InstanceUpgradeState.UPGRADING):
            instance.operation_id, instance.operation_kind = None, ""
            instance.operation_version, instance.operation_at = "", None
            instance.version, instance.power, instance.provisioning = (
                upgrade.target_version,
                Power.RUNNING,
                Provisioning.SUCCEEDED,
            )
        if state is InstanceUpgradeState.SUCCEEDED:
            instance.health = Health.HEALTHY
        if state in (InstanceUpgradeState.FAILED, InstanceUpgradeState.ROLLED_BACK):
            _delete(instance)
        instance.save()
        member.replacement, member.replacement_number = instance, instance.number
        member.save(update_fields=["replacement", "replacement_number"])
        if state is InstanceUpgradeState.SUCCEEDED and member.instance:
            _delete(member.instance)
        _note_swapped(member)


def _note_swapped(member: InstanceUpgrade) -> None:
    if member.state != InstanceUpgradeState.QUEUED:
        member.swapped_at = NOW
        member.save(update_fields=["swapped_at"])


def _scale_in(luck: random.Random, row: ScaleSet) -> None:
    """The newest instances are on their way out."""
    idle = row.instances.filter(operation_kind="", missing_since=None).order_by("-number")
    for instance in idle[: luck.choice([1, 2, 5])]:
        _delete(instance)


def _delete(instance: Instance) -> None:
    instance.operation_id, instance.operation_kind, instance.operation_at = uuid.uuid4(), OperationKind.DELETE, NOW
    instance.save()


def _people(luck: random.Random, row: ScaleSet) -> None:
    numbers = [str(number) for number in row.instances.values_list("number", flat=True)]
    held = [number for number in numbers if luck.random() < 0.1]
    if held and luck.random() < 0.5:
        opt_outs.opt_out(row.key, held, reason="holds sessions", owner="ada", now=NOW, for_ever=True)
    acts = [lambda: steering.pause(row.key, "ada", NOW), lambda: upgrades.cancel(row.key, "ada", NOW)]
    if luck.random() < 0.25:
        _try(luck.choice(acts))
    if luck.random() < 0.1:
        fleet_stops.stop_fleet(reason="an outage elsewhere", owner="ada", now=NOW)
    if luck.random() < 0.1:
        _try(lambda: images.withdraw_image(ImageReference(*UBUNTU, MIDDLE), by="ada", reason="leaks", now=NOW))


def _try(act: object) -> None:
    """What is refused changes nothing."""
    try:
        act()  # type: ignore[operator]
    except Refused:
        return


def _afterwards(luck: random.Random, row: ScaleSet, now: datetime) -> datetime:
    """Whatever ran is over, or goes on: a newer version comes, machines fall ill, somebody opts one out."""
    now += timedelta(minutes=1)
    publish(NEXT, now=now)
    for instance in row.instances.all():
        if luck.random() < 0.2:
            instance.take_health(luck.choice([Health.UNHEALTHY, Health.HEALTHY]), "HTTP 503", now)
            instance.save()
    ScaleSet.objects.filter(pk=row.pk).update(probed_at=now)
    reconcile(row.pk, lambda: now)
    return now
