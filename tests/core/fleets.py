"""Random scale sets, for what must hold of all of them. One number makes each: drawing every property apart takes far longer."""

from dataclasses import replace
from datetime import timedelta
from random import Random

from hypothesis import strategies as st

from tests.core.deciding import MINUTE, NEW, NOW, OLD
from tests.core.world import image
from upgrades.core.facts import Batch, Facts, Hold, InstanceFacts, InstanceUpgradeFacts, MissingMachine, Upgrade
from upgrades.core.policy import Policy
from upgrades.core.states import IN_FLIGHT, Health, InstanceUpgradeState, StartedBy, UpgradeKind

MAX_INSTANCES = 30
NEWER = "16.04.201812310"
AGENT, OTHER_AGENT = "agent 2.0", "agent 1.0"
HOLDS = (Hold("ada", "busy"), Hold("ada", "not that one", version=OLD), Hold("ada", "this", version=NEW))
PERCENTS = (1, 10, 20, 50, 100)


def fleets() -> st.SearchStrategy[Facts]:
    """Where an upgrade runs, its last batch may be under way, with new instances beside the old ones or without."""
    return st.integers(0, 2**32).map(lambda number: a_fleet(Random(number)))


def a_fleet(random: Random) -> Facts:
    count = random.randint(0, MAX_INSTANCES)
    pinned_to = random.choice(["", "", NEW])
    facts = Facts(
        count,
        tuple(_instance(random, id) for id in range(count)),
        image(NEW) if random.random() < 0.9 else None,
        follows_latest=not pinned_to,
        automatic=random.random() < 0.5,
        policy=_policy(random),
        policy_by_hand=_policy(random) if random.random() < 0.5 else None,
        health_complete_at=NOW if random.random() < 0.9 else None,
        fleet_stop=Hold("eve", "stop") if _seldom(random) else None,
        pinned_to=pinned_to,
    )
    return _upgrading(random, facts) if random.random() < 0.6 else facts


def _seldom(random: Random) -> bool:
    return random.random() < 0.1


def _policy(random: Random) -> Policy:
    return Policy(
        max_batch_percent=random.choice(PERCENTS),
        max_unhealthy_percent=random.choice(PERCENTS),
        max_unhealthy_upgraded_percent=random.choice(PERCENTS),
        pause_between_batches=random.choice([timedelta(0), 5 * MINUTE]),
        cross_zone=random.random() < 0.5,
        unhealthy_first=random.random() < 0.5,
        rollback_on_breach=random.random() < 0.5,
        deferral=random.random() < 0.2,
    )


def _instance(random: Random, id: int) -> InstanceFacts:
    instance = InstanceFacts(
        id,
        random.choice([OLD, OLD, OLD, NEW, NEWER]),
        random.choice([Health.HEALTHY] * 8 + list(Health)),
        random.choice([NOW, NOW - MINUTE, NOW - 60 * MINUTE]),
        opt_out=random.choice(HOLDS) if _seldom(random) else None,
        is_switched_off=_seldom(random),
        is_quarantined=_seldom(random),
        extensions_key=random.choice([AGENT, OTHER_AGENT]),
        failed_version=random.choice(["", "", "", "", OLD, NEW]),
        approved_version=random.choice(["", NEW]),
        zone=str(id % 3),
        was_rolled_back=_seldom(random),
    )
    match random.randint(0, 20):
        case 0:
            return replace(instance, is_busy=True, is_being_deleted=True)
        case 1:
            return replace(
                instance,
                is_busy=True,
                is_being_created=True,
                version="",
                is_switched_off=False,
                health=Health.INITIALIZING,
            )
        case 2:
            missing = MissingMachine(NOW, had_machine=True)
            return replace(instance, missing=missing, version="", is_switched_off=False, health=Health.UNKNOWN)
        case 3:
            return replace(instance, is_half_made=True, version="", is_switched_off=False)
    return instance


def _upgrading(random: Random, facts: Facts) -> Facts:
    upgrade = Upgrade(
        image(NEW),
        random.choice(list(StartedBy)),
        facts.policy,
        cancel_requested_by="ada" if _seldom(random) else "",
        paused_by="ada" if _seldom(random) else "",
        only_failed=_seldom(random),
        takes_failed=random.random() < 0.5,
    )
    if upgrade.started_by is StartedBy.USER:  # who starts one by hand has approved it
        upgrade = replace(upgrade, policy=replace(facts.policy, deferral=False))
        if _seldom(random):
            upgrade = replace(upgrade, target=image(""), kind=UpgradeKind.EXTENSIONS, extensions_key=AGENT)
    there = [instance.id for instance in facts.instances if instance.has_machine and not instance.is_being_deleted]
    taken = random.sample(there, min(len(there), random.randint(0, 12)))
    cut = random.randint(0, len(taken))
    facts = replace(facts, upgrade=upgrade, latest_image=image(NEW))
    parts = [part for part in (taken[:cut], taken[cut:]) if part]
    for number, ids in enumerate(parts, start=1):
        facts = _with_batch(random, facts, number, ids, is_running=number == len(parts) and random.random() < 0.5)
    return facts


def _with_batch(random: Random, facts: Facts, number: int, ids: list[int], *, is_running: bool) -> Facts:
    assert facts.upgrade
    states = [possible for possible in InstanceUpgradeState if is_running or possible not in IN_FLIGHT]
    by_id, surges, members = {instance.id: instance for instance in facts.instances}, _seldom(random), []
    for id in ids:
        state = random.choice(states)
        new = (
            max(by_id) + 1
            if surges and state in (InstanceUpgradeState.UPGRADING, InstanceUpgradeState.VERIFYING)
            else None
        )
        members.append(
            InstanceUpgradeFacts(id, state, NOW if state is InstanceUpgradeState.VERIFYING else None, replacement=new)
        )
        by_id[id] = _in_batch(by_id[id], state, facts.upgrade, in_place=new is None)
        if new is not None:
            by_id[new] = _beside(by_id[id], new, state)
    ended_at = None if is_running else NOW - MINUTE
    batch = Batch(number, tuple(members), ended_at, NOW - 5 * MINUTE, ended_at, why="because")
    upgrade = replace(facts.upgrade, batches=(*facts.upgrade.batches, batch))
    return replace(facts, instances=tuple(by_id.values()), upgrade=upgrade)


def _in_batch(
    instance: InstanceFacts, state: InstanceUpgradeState, upgrade: Upgrade, *, in_place: bool
) -> InstanceFacts:
    if in_place and state in (
        InstanceUpgradeState.QUEUED,
        InstanceUpgradeState.UPGRADING,
        InstanceUpgradeState.ROLLING_BACK,
    ):
        return replace(instance, is_busy=True, is_switched_off=False, health=Health.INITIALIZING, health_since=NOW)
    if state is InstanceUpgradeState.SUCCEEDED and upgrade.kind is UpgradeKind.IMAGE:
        return replace(instance, version=NEW, failed_version="")
    return instance


def _beside(old: InstanceFacts, id: int, state: InstanceUpgradeState) -> InstanceFacts:
    making = state is InstanceUpgradeState.UPGRADING
    new = InstanceFacts(id, "" if making else NEW, Health.INITIALIZING, NOW, zone=old.zone, is_unused_surge=True)
    return replace(new, is_busy=making, is_being_created=making)
