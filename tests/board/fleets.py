"""Random scale sets, as rows: of every state that the rules know, in the middle of an upgrade, before one and after one."""

import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tests.stories import NOW, UBUNTU, a_batch, a_scale_set, edited, publish
from upgrades.commands import images, opt_outs, steering, upgrades
from upgrades.commands.errors import Refused
from upgrades.commands.scale_sets import set_model
from upgrades.core.facts import ImageReference
from upgrades.core.states import Health, MemberState, OperationKind, Power, StartedBy
from upgrades.models import Instance, RollingUpgrade, ScaleSet
from upgrades.orchestrator.reconcile import reconcile

OLD, MIDDLE, NEW, NEXT = "16.04.201801", "16.04.201802", "16.04.201803", "16.04.201804"
AUTOMATIC = "properties.upgradePolicy.automaticOSUpgradePolicy"
VERSION = "properties.virtualMachineProfile.storageProfile.imageReference.version"
# How far the members of the batch in flight are; of those before it all are done.
IN_FLIGHT = (MemberState.QUEUED, MemberState.UPGRADING, MemberState.VERIFYING)
DONE = (*[MemberState.SUCCEEDED] * 6, MemberState.FAILED, MemberState.ROLLED_BACK, MemberState.SKIPPED)


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
    _people(luck, row)
    now = NOW + timedelta(seconds=luck.choice([0, 20, 400]))
    ScaleSet.objects.filter(pk=row.pk).update(probed_at=now if luck.random() < 0.9 else NOW - timedelta(hours=1))
    reconcile(row.pk, lambda: now)
    if luck.random() < 0.3:
        now = _afterwards(luck, row, now)
    return Drawn(ScaleSet.objects.select_related("location", "sku").get(pk=row.pk), now)


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
    domains, deferral, surge = luck.choice([0, 0, 5]), luck.random() < 0.2, luck.random() < 0.15
    policy = replace(row.policy, deferral=deferral, max_surge=surge)
    ScaleSet.objects.filter(pk=row.pk).update(update_domains=domains, policy=policy)
    return ScaleSet.objects.select_related("location", "sku").get(pk=row.pk)


def _instances(luck: random.Random, row: ScaleSet) -> None:
    trouble = luck.choice([0.0, 0.1, 0.4])
    for one in row.instances.all():
        one.version = luck.choice([OLD, OLD, OLD, MIDDLE, NEW, NEXT]) if luck.random() < 0.3 else one.version
        if luck.random() < trouble:
            _afflict(luck, one)
        one.save()


def _afflict(luck: random.Random, one: Instance) -> None:
    match luck.randrange(8):
        case 0 | 1:
            one.take_health(Health.UNHEALTHY, "HTTP 503", NOW)
        case 2:
            one.take_health(Health.UNKNOWN, "no answer", NOW)
        case 3:
            one.health = Health.INITIALIZING
            one.health_since = NOW - luck.choice([timedelta(0), timedelta(hours=1)])
        case 4:
            one.power = Power.STOPPED
        case 5:
            one.failed_version, one.quarantined_at = NEW, NOW
        case 6:
            one.failed_version, one.approved_version = NEW, NEW
        case 7:
            one.note_not_made("OutOfQuota", "no quota", NOW)
            one.version = ""


def _upgrade(luck: random.Random, row: ScaleSet) -> None:
    """Some batches that are over, perhaps one in flight."""
    target = ImageReference(*UBUNTU, luck.choice([NEW, NEW, MIDDLE]))
    by = luck.choice([StartedBy.PLATFORM, StartedBy.USER])
    upgrade = RollingUpgrade.begin(row, target, by, NOW, policy=row.policy, lasts_at_most=timedelta(days=1))
    left = [one.number for one in row.instances.filter(missing_since=None) if one.version < target.version]
    for number in range(1, luck.randrange(1, 4) + 1):
        members, left = left[:2], left[2:]
        if not members:
            break
        is_last = number == 3 or not left or luck.random() < 0.5
        in_flight = is_last and luck.random() < 0.6
        states = {member: luck.choice(IN_FLIGHT if in_flight else DONE) for member in members}
        a_batch(upgrade, states, number=number, finished=not in_flight)
        _bring(row, states, target.version)
        if is_last:
            break


def _bring(row: ScaleSet, states: dict[int, MemberState], version: str) -> None:
    """What the states of the members mean for their instances."""
    for one in row.instances.filter(number__in=states).select_related("member"):
        state = states[one.number]
        if state in (MemberState.SUCCEEDED, MemberState.VERIFYING, MemberState.FAILED):
            one.version = version
        if state is MemberState.UPGRADING:
            one.operation_id, one.operation_kind = one.member_id, OperationKind.REIMAGE
            one.operation_version, one.operation_at = version, NOW
        if state in (MemberState.FAILED, MemberState.ROLLED_BACK):
            one.failed_version = version
        if state is MemberState.VERIFYING and one.health == Health.HEALTHY:
            one.health = Health.INITIALIZING
        if state is not MemberState.QUEUED and one.member:
            one.member.swapped_at = NOW
            one.member.save(update_fields=["swapped_at"])
        one.save()


def _people(luck: random.Random, row: ScaleSet) -> None:
    numbers = [str(number) for number in row.instances.values_list("number", flat=True)]
    held = [number for number in numbers if luck.random() < 0.1]
    if held and luck.random() < 0.5:
        opt_outs.opt_out(row.key, held, reason="holds sessions", owner="ada", now=NOW, for_ever=True)
    acts = [lambda: steering.pause(row.key, "ada", NOW), lambda: upgrades.cancel(row.key, "ada", NOW)]
    if luck.random() < 0.25:
        _try(luck.choice(acts))
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
    for one in row.instances.all():
        if luck.random() < 0.2:
            one.take_health(luck.choice([Health.UNHEALTHY, Health.HEALTHY]), "HTTP 503", now)
            one.save()
    ScaleSet.objects.filter(pk=row.pk).update(probed_at=now)
    reconcile(row.pk, lambda: now)
    return now
