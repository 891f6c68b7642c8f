"""Random scale sets, for what must hold of all of them."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import strategies as st

from tests.core.test_decide import MINUTE, NEW, NOW, OLD
from tests.core.world import image
from upgrades.core.facts import Batch, Facts, Hold, InstanceFacts, Member, Missing, Policy, Upgrade
from upgrades.core.states import IN_FLIGHT, Health, MemberState, StartedBy, UpgradeKind

NEWER = "16.04.201812310"
AGENT, OTHER_AGENT = "agent 2.0", "agent 1.0"
versions = st.sampled_from([OLD, OLD, OLD, NEW, NEWER])
moments = st.sampled_from([NOW, NOW - MINUTE, NOW - 60 * MINUTE])
percents = st.sampled_from([1, 10, 20, 50, 100])
policies = st.builds(
    Policy,
    max_batch_percent=percents,
    max_unhealthy_percent=percents,
    max_unhealthy_upgraded_percent=percents,
    pause_between_batches=st.sampled_from([timedelta(0), 5 * MINUTE]),
    cross_zone=st.booleans(),
    unhealthy_first=st.booleans(),
    rollback_on_breach=st.booleans(),
    deferral=st.booleans(),
)
holds = st.sampled_from(
    [Hold("ada", "busy"), Hold("ada", "not that one", version=OLD), Hold("ada", "this", version=NEW)]
)
seldom = st.integers(0, 9).map(lambda number: number == 0)


@st.composite
def instances(draw: st.DrawFn, id: int) -> InstanceFacts:
    one = InstanceFacts(
        id,
        draw(versions),
        draw(st.sampled_from([Health.HEALTHY] * 4 + list(Health))),
        draw(moments),
        opt_out=draw(holds) if draw(seldom) else None,
        stopped=draw(seldom),
        quarantined=draw(seldom),
        extensions=draw(st.sampled_from([AGENT, OTHER_AGENT])),
        failed_version=draw(st.sampled_from(["", "", "", OLD, NEW])),
        approved_version=draw(st.sampled_from(["", NEW])),
        zone=str(id % 3),
        rolled_back=draw(seldom),
    )
    what = draw(st.sampled_from([""] * 12 + ["leaves", "is made", "is missing"]))
    if what == "leaves":
        return replace(one, busy=True, leaving=True)
    if what == "is made":
        return replace(one, busy=True, making=True, version="", stopped=False, health=Health.INITIALIZING)
    if what == "is missing":
        return replace(one, missing=Missing(NOW, was_made=True), version="", stopped=False, health=Health.UNKNOWN)
    return one


@st.composite
def fleets(draw: st.DrawFn, most: int = 30) -> Facts:
    """Where an upgrade runs its last batch may be under way, with new instances beside the old ones or without."""
    count = draw(st.integers(0, most))
    facts = Facts(
        count,
        tuple(draw(instances(id)) for id in range(count)),
        image(NEW) if draw(st.integers(0, 9)) else None,
        automatic=draw(st.booleans()),
        policy=draw(policies),
        policy_by_hand=draw(st.none() | policies),
        health_as_of=NOW if draw(st.integers(0, 9)) else None,
        fleet_stop=Hold("eve", "stop") if draw(seldom) else None,
        pinned_to=draw(st.sampled_from(["", "", NEW])),
    )
    facts = replace(facts, follows_latest=not facts.pinned_to)
    return draw(upgrading(facts)) if draw(st.booleans()) else facts


@st.composite
def upgrading(draw: st.DrawFn, facts: Facts) -> Facts:
    upgrade = Upgrade(
        image(NEW),
        draw(st.sampled_from(StartedBy)),
        facts.policy,
        cancel_requested_by="ada" if draw(seldom) else "",
        paused_by="ada" if draw(seldom) else "",
        only_failed=draw(seldom),
        takes_failed=draw(st.booleans()),
    )
    if draw(seldom):
        upgrade = replace(upgrade, target=image(""), kind=UpgradeKind.EXTENSIONS, extensions=AGENT)
    there = [
        one.id for one in facts.instances if not one.making and not one.missing and not one.leaving and one.version
    ]
    taken = draw(st.lists(st.sampled_from(there), unique=True, max_size=12)) if there else []
    cut = draw(st.integers(0, len(taken)))
    facts = replace(facts, upgrade=upgrade, latest=image(NEW))
    for number, ids in enumerate((taken[:cut], taken[cut:]), start=1):
        if ids:
            facts = draw(batches(facts, number, ids, is_last=number == 2 or cut == len(taken)))
    return facts


@st.composite
def batches(draw: st.DrawFn, facts: Facts, number: int, ids: list[int], is_last: bool) -> Facts:
    assert facts.upgrade
    is_running, surges = is_last and draw(st.booleans()), draw(seldom)
    states = [one for one in MemberState if is_running or one not in IN_FLIGHT]
    by_id = {one.id: one for one in facts.instances}
    members = []
    for id in ids:
        state = draw(st.sampled_from(states))
        new = max(by_id) + 1 if surges and state in (MemberState.UPGRADING, MemberState.VERIFYING) else None
        members.append(Member(id, state, NOW if state is MemberState.VERIFYING else None, replacement=new))
        by_id[id] = _in_batch(by_id[id], state, facts.upgrade, in_place=new is None)
        if new is not None:
            by_id[new] = _beside(by_id[id], new, state)
    ended_at = None if is_running else NOW - MINUTE
    batch = Batch(number, tuple(members), ended_at, NOW - 5 * MINUTE, ended_at, why="because")
    upgrade = replace(facts.upgrade, batches=(*facts.upgrade.batches, batch))
    return replace(facts, instances=tuple(by_id.values()), upgrade=upgrade)


def _in_batch(one: InstanceFacts, state: MemberState, upgrade: Upgrade, *, in_place: bool) -> InstanceFacts:
    if in_place and state in (MemberState.QUEUED, MemberState.UPGRADING, MemberState.ROLLING_BACK):
        return replace(one, busy=True, stopped=False, health=Health.INITIALIZING, health_since=NOW)
    if state is MemberState.SUCCEEDED and upgrade.kind is UpgradeKind.IMAGE:
        return replace(one, version=NEW, failed_version="")
    return one


def _beside(old: InstanceFacts, id: int, state: MemberState) -> InstanceFacts:
    making = state is MemberState.UPGRADING
    new = InstanceFacts(id, "" if making else NEW, Health.INITIALIZING, NOW, zone=old.zone, spare=True)
    return replace(new, busy=making, making=making)
