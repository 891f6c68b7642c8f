"""What the pages paint is what the engine decides: random fleets through `decide`, the feed and the pages' own scripts.

The scripts run under Node over the very JSON that a browser gets; every word and number is held against the engine's own functions.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from tests.board.fleets import SITUATIONS, Drawn, draw, situations
from tests.board.holding import broken
from upgrades.core import batches, health, reasons
from upgrades.core.decide import decide
from upgrades.core.facts import Facts
from upgrades.core.gauges import policy_of
from upgrades.core.needs import has_begun
from upgrades.core.preview import preview
from upgrades.core.reason_kinds import KINDS
from upgrades.core.states import HAS_FAILED, InstanceUpgradeState
from upgrades.core.steps import StartBatch, Wait, Why
from upgrades.core.summary import SummarizedSet, summary
from upgrades.feed import read
from upgrades.models import ScaleSet
from upgrades.orchestrator.observe import observe
from upgrades.orchestrator.questions import with_available_quota

pytestmark = pytest.mark.django_db

FLEETS = 60
HERE = Path(__file__).parent
Json = dict[str, Any]
NBSP, THIN = "\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True)
class Case:
    """`sent`: what a browser gets; `page`: what it says of it; `facts`: what the engine knows at that moment."""

    seed: int
    now: datetime
    facts: Facts
    sent: Json
    page: Json

    def __str__(self) -> str:
        return f"fleet {self.seed}"


@pytest.fixture
def cases(db: None) -> list[Case]:
    drawn = list(_drawn())
    told = painted([{"body": sent, "now": now.timestamp() * 1000} for _, now, _, sent in drawn])
    return [Case(*seen, page) for seen, page in zip(drawn, told, strict=True)]


def _drawn() -> Iterator[tuple[int, datetime, Facts, Json]]:
    for seed in range(FLEETS):
        point = transaction.savepoint()
        drawn: Drawn = draw(seed)
        yield seed, drawn.now, facts_of(drawn), sent_of(drawn)
        transaction.savepoint_rollback(point)


def sent_of(drawn: Drawn) -> Json:
    """As a browser gets it."""
    sent: Json = json.loads(json.dumps(read.body(ScaleSet.objects.get(pk=drawn.row.pk))))
    return sent


def facts_of(drawn: Drawn) -> Facts:
    """As the reconcile sees them: before it begins a batch of new instances it asks how many the provider would make."""
    facts = observe(drawn.row.pk, drawn.now).facts
    step = decide(facts, drawn.now)
    return with_available_quota(drawn.row, facts) if isinstance(step, StartBatch) and step.surge else facts


def painted(told: list[Json]) -> list[Json]:
    node = shutil.which("node")
    assert node, "Node is not installed (Debian: apt install nodejs)"
    words = [node, "--no-warnings", str(HERE / "paint.mjs")]
    done = subprocess.run(words, input=json.dumps(told), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    pages: list[Json] = json.loads(done.stdout)
    return pages


def test_pages_show_the_states_and_counts_of_the_engine(cases: list[Case]) -> None:
    seen = {state for case in cases for state in case.page["states"].values()}
    assert len(seen) >= 14, f"these fleets show too little: {sorted(seen)}"
    assert set().union(*(situations(case.facts) for case in cases)) == set(SITUATIONS), "these fleets show too little"
    wrong = broken(HOLDS, cases)
    assert not wrong, "\n".join(wrong)


# --- what holds of each -----------------------------------------------------------------------------------------------


def _states_are_as_the_rules_see_them(case: Case) -> None:
    """Who is pending or held is still to be taken, who is up to date is not; nobody is in two states or in none."""
    facts, states = case.facts, case.page["states"]
    assert set(states) == {str(instance.id) for instance in facts.instances}
    assert "unseen" not in states.values()
    for instance in facts.instances:
        state = states[str(instance.id)]
        if state in ("pending", "held"):
            assert _is_behind(instance.id, facts), (instance, state)
        if state == "done":
            assert not _is_behind(instance.id, facts) and not instance.is_opted_out, (instance, state)
            assert not health.is_unhealthy(facts, instance, case.now), (instance, state)
    ill = {str(each.id) for each in health.unhealthy(facts, case.now)}
    hidden = {id for id in ill if states[id] in ("done", "pending", "held", "verifying", "opted-out")}
    assert not hidden, f"ill, and nobody sees it: {hidden}"


def _is_behind(id: int, facts: Facts) -> bool:
    instance, upgrade = facts.instance(id), facts.upgrade
    assert instance
    if upgrade is not None and batches.would_be_taken(instance, upgrade):
        return True
    if facts.latest_image is None or (upgrade is not None and not upgrade.target.version):
        return False
    target = upgrade.target.version if upgrade else facts.latest_image.version
    if facts.pinned_to and upgrade is None:
        return instance.is_half_made or (bool(instance.version) and instance.version != target)
    return batches.has_older_version(instance, target)


def _the_legend_counts_the_cells(case: Case) -> None:
    counts = dict.fromkeys(case.page["legend"], 0)
    for state in case.page["states"].values():
        counts[state] += 1
    counts["opted-out"] = sum(instance.is_opted_out for instance in case.facts.instances)
    assert case.page["legend"] == counts
    assert case.page["row"]["out"] == sum(instance.is_opted_out for instance in case.facts.staying)


def _gauges_equal_the_gates(case: Case) -> None:
    facts, upgrade = case.facts, case.facts.upgrade
    sick, total = batches.unhealthy_at_the_gate(facts, case.now), len(facts.counted)
    assert case.page["row"]["sick"] == len(sick)
    said = case.page["gauges"].replace(NBSP, " ")
    assert f"Unhealthy {_percent(len(sick), total)} " in said
    if total:
        assert f"{len(sick)} of {total}, limit" in said
    if upgrade:
        bad, tried = health.unhealthy_upgraded(facts, case.now)
        assert f"Failed after upgrade {_percent(len(bad), tried)} " in said
    said_of_it = [each["text"] for each in case.page["needs"] if each["code"] == "OverTheLimit"]
    over = case.sent["board"]["over_limit"]
    assert (over is not None) == health.exceeds(len(sick), total, policy_of(facts).max_unhealthy_percent)
    if said_of_it:
        assert over and f"({len(sick)} of {total})" in over["text"], over
        assert said_of_it[0] in (over["text"], *(each["text"] for each in case.page["reasons"]))
    gate = [each for each in case.page["reasons"] if each["code"] == Why.TOO_MANY_UNHEALTHY.value]
    if gate:
        assert f"({len(sick)} of {total})" in gate[0]["text"] and "over the limit" in said


def _percent(part: int, whole: int) -> str:
    share = round(100 * part / whole, 1) if whole else 0
    return f"{share:.1f}".removesuffix(".0") + " %"


def _the_plan_is_the_engines(case: Case) -> None:
    planned = [batch for batch in case.page["batches"] if batch["planned"]]
    if case.facts.upgrade is None:
        assert not planned
        return
    found = preview(case.facts, case.now).batches
    told = [(batch["number"], tuple(batch["ids"]), batch["why"]) for batch in planned]
    assert told == [(batch.number, batch.instances, batch.why) for batch in found]
    began = [batch for batch in case.page["batches"] if not batch["planned"]]
    assert [batch["number"] for batch in began] == [batch.number for batch in case.facts.upgrade.batches]
    assert f" of {max(1, len(began) + len(found))} " in case.page["steps"]


def _batches_are_as_large_as_their_members(case: Case) -> None:
    if case.facts.upgrade is None:
        return
    for told, batch in zip(case.page["batches"], case.facts.upgrade.batches, strict=False):
        members = [member.state for member in batch.members]
        assert told["size"] == sum(state is not InstanceUpgradeState.SKIPPED for state in members)
        assert told["succeeded"] == members.count(InstanceUpgradeState.SUCCEEDED)
        failed = sum(state in HAS_FAILED for state in members)
        assert sum(told["members"].get(state.value, 0) for state in HAS_FAILED) == failed


def _progress_counts_the_counted_instances(case: Case) -> None:
    states = case.page["states"]
    eligible = [instance for instance in case.facts.staying if not instance.is_opted_out]
    done = sum(states[str(instance.id)] == "done" for instance in eligible)
    row = case.page["row"]
    assert (row["done"], row["eligible"], row["size"]) == (done, len(eligible), len(case.facts.staying))
    assert f"Done {done} / {len(eligible)}" in case.page["steps"]
    for by in ("zone", "version"):
        told = [heading for _, heading, _ in case.page["groups"][by] if heading]
        assert sum(int(heading.split(" / ")[0]) for heading in told) == done
        assert sum(int(heading.split(" / ")[1]) for heading in told) == len(eligible)


def _sentences_are_the_engines(case: Case) -> None:
    """Of this very moment, all of them, the one that was decided first."""
    step = decide(case.facts, case.now)
    assert isinstance(step, Wait), step
    found = reasons.reasons(case.facts, case.now)
    told = {each["code"]: each["text"] for each in case.page["reasons"]}
    for reason in found:
        assert told[reason.code.value].rstrip(".") in {
            each.text.rstrip(".") for each in found if each.code is reason.code
        }
    if step.why is not Why.NOTHING_TO_DO:
        assert case.page["reasons"][0]["code"] == step.why.value
    assert all(case.page["says"].values()), "an instance says nothing of itself"


def _each_held_instance_has_its_reason(case: Case) -> None:
    found = reasons.reasons(case.facts, case.now)
    for id, told in case.page["held"].items():
        own = {each.code.value for each in found if each.instances is not None and int(id) in each.instances}
        of_the_set = {each.code.value for each in found if each.instances is None}
        assert own <= set(told) <= own | of_the_set
        if case.page["states"][id] in ("pending", "held") and not own:
            assert of_the_set <= set(told)
        if case.page["states"][id] in ("done", "opted-out"):
            assert not of_the_set & set(told)


def _approval_is_asked_for_waiting_instances(case: Case) -> None:
    found = reasons.reasons(case.facts, case.now)
    waiting = {id for each in found if each.code is Why.WAITING_FOR_APPROVAL for id in each.instances or ()}
    assert set(case.page["unapproved"]) == waiting


def _what_needs_a_person_is_what_the_engine_says(case: Case) -> None:
    """Anew of the rows of this moment, in the summary and on the pages: the same needs, in the same order."""
    sent, needs = case.sent, case.page["needs"]
    said = SummarizedSet("fleet/web", sent["board"], sent["scale_set"]["decision"])
    told = [need for need in sent["board"]["needs"] if has_begun(need, case.now)]
    assert [(need["code"], need["urgency"]) for need in told] == [(need["code"], need["urgency"]) for need in needs]
    assert [need["urgency"] for need in needs] == sorted(need["urgency"] for need in needs)
    assert said.needs_a_person(case.now) == bool(needs), needs
    assert said.urgency(case.now) == case.page["urgency"]
    assert all(need["text"] for need in needs)
    _needs_are_in_the_facts(case, {need["code"] for need in needs})


def _needs_are_in_the_facts(case: Case, codes: set[str]) -> None:
    """Nobody is needed without what is wrong, and what is wrong needs somebody."""
    facts, states = case.facts, set(case.page["states"].values())
    if "Stopped" in codes:
        assert facts.stopped and facts.upgrade is None and not codes & {"Failed", "OverTheLimit"}
        return
    assert ("Failed" in codes) == bool(states & {"failed", "rolled-back"})
    assert ("OverTheLimit" in codes) == (case.sent["board"]["over_limit"] is not None)
    lasting = {
        reason.code.value for reason in reasons.reasons(facts, case.now) if KINDS[reason.code].needs_person_after == 0
    }
    assert lasting == {code for code in codes if code in KINDS_AT_ONCE}


KINDS_AT_ONCE = {code.value for code, kind in KINDS.items() if kind.needs_person_after == 0}


def test_the_scale_set_that_needs_a_person_first_is_the_first_everywhere(cases: list[Case]) -> None:
    """The summary's reason is of the set that a wall shows first, of those that have a reason."""
    rows = {
        f"fleet/s{case.seed}": SummarizedSet(
            f"fleet/s{case.seed}", case.sent["board"], case.sent["scale_set"]["decision"]
        )
        for case in cases
    }
    now = max(case.now for case in cases)
    said = summary(rows.values(), now)["reason"]
    soonest = min(_urgency(row, now) for row in rows.values() if row.reasons)
    assert _urgency(rows[said["set"]], now) == soonest
    assert len({_urgency(row, now) for row in rows.values()}) >= 5, "these fleets show too little"


def _urgency(row: SummarizedSet, now: datetime) -> int:
    soon = row.urgency(now)
    return CALM if soon is None else soon


CALM = 1000  # above each urgency


HOLDS = (
    _states_are_as_the_rules_see_them,
    _the_legend_counts_the_cells,
    _gauges_equal_the_gates,
    _the_plan_is_the_engines,
    _batches_are_as_large_as_their_members,
    _progress_counts_the_counted_instances,
    _sentences_are_the_engines,
    _each_held_instance_has_its_reason,
    _approval_is_asked_for_waiting_instances,
    _what_needs_a_person_is_what_the_engine_says,
)
