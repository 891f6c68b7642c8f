"""Every entry point says the same of a scale set: the pages, the feed, the API, the terminal and the admin. Random fleets, all numbers.

What is right core says; each of the others is asked as its users ask it.
"""

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.utils import timezone

from tests.arm.client import Api, scale_set
from tests.board.fleets import SITUATIONS, Drawn, draw, situations
from tests.board.holding import broken
from tests.board.test_painted import Json, facts_of, painted, sent_of
from tests.stories import NOW
from upgrades import plans
from upgrades.arm import clock
from upgrades.core import provisioning, reasons
from upgrades.core.facts import Facts
from upgrades.core.progress import Progress, count_states, progress_from, progress_of
from upgrades.core.ranges import numbers_in, ranges, spans
from upgrades.core.standing import standing
from upgrades.core.states import InstanceUpgradeState, UpgradeKind
from upgrades.management import plan, status, status_json
from upgrades.models import RollingUpgrade, ScaleSet

pytestmark = pytest.mark.django_db

FLEETS = 40


@dataclass(frozen=True, slots=True)
class Case:
    """`sent`: the feed; `page`: what the page makes of it; the others are what each entry point answers. `progress`: as core says it."""

    seed: int
    now: datetime
    row: ScaleSet
    facts: Facts
    upgrade: RollingUpgrade | None
    progress: Progress | None
    sent: Json
    api: "FromApi"
    text: str
    told: Json
    plan_text: str
    plan_told: Json
    planned: plans.Planned
    admin: "FromAdmin"
    page: Json

    def __str__(self) -> str:
        return f"fleet {self.seed}"


@dataclass(frozen=True, slots=True)
class FromApi:
    latest: Json
    history: list[Json]
    view: Json
    instances: dict[int, Json]


@dataclass(frozen=True, slots=True)
class FromAdmin:
    """The row of the list, by column; the page of the upgrade, by field; those that are shown as opted out."""

    columns: dict[str, str]
    upgrade: dict[str, str]


@pytest.fixture
def cases(db: None, monkeypatch: pytest.MonkeyPatch) -> list[Case]:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    api, person = Api(), Client()
    person.force_login(User.objects.create_user("ada", is_staff=True, is_superuser=True))
    asked = list(_asked(api, person, monkeypatch))
    pages = painted([{"body": answers["sent"], "now": answers["now"].timestamp() * 1000} for answers in asked])
    return [Case(**answers, page=page) for answers, page in zip(asked, pages, strict=True)]


def _asked(api: Api, person: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    for seed in range(FLEETS):
        point = transaction.savepoint()
        drawn = draw(seed)
        monkeypatch.setattr(clock, "now", lambda now=drawn.now: now)
        with monkeypatch.context() as at:
            at.setattr(timezone, "now", lambda now=drawn.now: now)
            found = _answers(drawn, api, person)
        yield {"seed": seed, **found}
        transaction.savepoint_rollback(point)


def _answers(drawn: Drawn, api: Api, person: Client) -> dict[str, Any]:
    row = ScaleSet.objects.select_related("location", "sku", "board_row").get(pk=drawn.row.pk)
    facts, upgrade = facts_of(drawn), row.upgrades.first()
    return {
        "now": drawn.now,
        "row": row,
        "facts": facts,
        "upgrade": upgrade,
        "progress": _progress(facts, upgrade),
        "sent": sent_of(drawn),
        "api": _from_api(api, upgrade),
        "text": "\n".join(status.one_set(row, drawn.now)),
        "told": json.loads(status_json.one_set(row, drawn.now)[0]),
        "plan_text": "\n".join(plan.one_set(row, drawn.now)),
        "plan_told": json.loads(status_json.one_plan(row, drawn.now)[0]),
        "planned": plans.planned(row, drawn.now),
        "admin": _from_admin(person, upgrade),
    }


def _progress(facts: Facts, upgrade: RollingUpgrade | None) -> Progress | None:
    if upgrade is None:
        return None
    if facts.upgrade:
        return progress_of(facts, facts.upgrade)
    assert upgrade.record
    states = [InstanceUpgradeState(state) for state in upgrade.members.values_list("state", flat=True)]
    return progress_from(count_states(states), upgrade.record["left"])


def _from_api(api: Api, upgrade: RollingUpgrade | None) -> FromApi:
    latest = api.get(f"{scale_set()}/rollingUpgrades/latest").body["properties"] if upgrade else {}
    history = [attempt["properties"] for attempt in api.get(f"{scale_set()}/osUpgradeHistory")["value"]]
    machines = api.get(f"{scale_set()}/virtualMachines?$expand=instanceView")["value"]
    views = {int(machine["instanceId"]): machine["properties"]["instanceView"] for machine in machines}
    return FromApi(latest, history, api.get(f"{scale_set()}/instanceView").body, views)


def _from_admin(person: Client, upgrade: RollingUpgrade | None) -> FromAdmin:
    cells = re.compile(r'<t[dh] class="field-(\w+)[^"]*"[^>]*>(.*?)</t[dh]>', re.DOTALL)
    listed = person.get("/admin/upgrades/scaleset/").content.decode()
    columns = {name: _plain(cell) for name, cell in cells.findall(listed)}
    if upgrade is None:
        return FromAdmin(columns, {})
    shown = person.get(f"/admin/upgrades/rollingupgrade/{upgrade.pk}/change/").content.decode()
    fields = re.compile(r'field-(\w+)">.*?<div class="readonly">(.*?)</div>', re.DOTALL)
    return FromAdmin(columns, {name: _plain(field) for name, field in fields.findall(shown)})


def _plain(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", markup)).split())


def test_every_entry_point_says_the_same(cases: list[Case]) -> None:
    assert set().union(*(situations(case.facts) for case in cases)) == set(SITUATIONS), "these fleets show too little"
    wrong = broken(HOLDS, cases)
    assert not wrong, "\n".join(wrong)


# --- what holds of each -----------------------------------------------------------------------------------------------


def _progress_is_one(case: Case) -> None:
    """Feed, API, terminal, admin; of what is over the page says it too."""
    if case.progress is None:
        assert case.sent["upgrade"] is None and case.told["upgrade"] is None and "No upgrade yet." in case.text
        return
    found = case.progress
    names = ("successful", "failed", "in_progress", "pending")
    assert case.sent["upgrade"]["progress"] == {name: getattr(found, name) for name in names}
    assert case.told["upgrade"]["progress"] == case.sent["upgrade"]["progress"]
    of_azure = dict(zip(("successful", "failed", "inProgress", "pending"), names, strict=True))
    counts = {f"{azure}InstanceCount": getattr(found, name) for azure, name in of_azure.items()}
    assert case.api.latest["progress"] == counts
    attempts = [each["progress"] for each in case.api.history]
    assert not attempts or attempts[0] == counts
    assert f"progress   {found.successful} done, {found.failed} failed" in case.text
    assert f"{found.in_progress} in progress, {found.pending} pending" in case.text
    _admin_says(case.admin.upgrade["progress"], found)
    if case.facts.upgrade is None:
        _the_page_says(case.page["result"], found)


def _admin_says(text: str, found: Progress) -> None:
    words = {"succeeded": found.successful, "failed": found.failed}
    words |= {"in progress": found.in_progress, "not started": found.pending}
    for word, count in words.items():
        counted = text.rsplit(". ", 1)[-1]  # before that it says how it ended
        assert re.findall(rf"(\d+) {word}", counted) == ([str(count)] if count else []), text
    assert found.total or "nothing to upgrade" in text


def _the_page_says(text: str, found: Progress) -> None:
    words = {"succeeded": found.successful, "failed": found.failed, "not tried": found.pending}
    for word, count in words.items():
        assert re.findall(rf"(\d+) {word}", text) == ([str(count)] if count or word == "succeeded" else []), text


def _how_it_stands_is_one(case: Case) -> None:
    found, board = standing(case.facts), case.sent["board"]
    counts = board["counts"]
    assert (counts["total"], counts["opted_out"]) == (found.instances, found.opted_out)
    assert case.page["row"]["size"] == found.instances and case.page["row"]["out"] == found.opted_out
    columns = case.admin.columns
    assert columns["instances"] == str(found.instances)
    assert (columns["healthy"], columns["opted_out"]) == (str(found.healthy), str(found.opted_out))
    told = case.told["standing"]
    assert (told["instances"], told["healthy"], told["opted_out"]) == (
        found.instances,
        found.healthy,
        found.opted_out,
    )
    (line,) = [line for line in case.text.splitlines() if line.startswith("  instances ")]
    assert f" {found.machines} of {case.row.capacity}:" in line
    assert re.findall(r", (\d+) opted out", line) == ([str(found.opted_out)] if found.opted_out else [])
    assert sum(found.by_version.values()) == found.instances


def _the_board_is_one(case: Case) -> None:
    board = case.sent["board"]
    assert case.told["board"] == board
    shown = {state: len(numbers_in(which)) for state, which in board["states"].items()}
    for state, count in shown.items():
        assert f"{count} {state.replace('-', ' ')}" in case.text
        assert case.page["counts"].get(state, 0) == count
    progress, ill = board["progress"], board["unhealthy"]
    assert (case.page["row"]["done"], case.page["row"]["eligible"]) == (progress["up_to_date"], progress["of"])
    assert not progress["of"] or f"done       {progress['up_to_date']} of {progress['of']}" in case.text
    assert f"unhealthy  {ill['count']} of {ill['of']} ({ill['percent']:g} %)" in case.text
    assert case.page["row"]["sick"] == ill["count"]


def _batches_are_one(case: Case) -> None:
    if case.upgrade is None:
        return
    record = case.sent["upgrade"]["record"]
    began = record["batches"] if record else case.sent["board"]["batches"]
    assert case.told["upgrade"]["batches"] == began
    lines = re.findall(r"^  batch (\d+) +\[.*?\] (finished|running): (.*)$", case.text, re.MULTILINE)
    assert [int(number) for number, _, _ in lines] == [batch["number"] for batch in began]
    of_page = [batch for batch in case.page["batches"] if not batch["planned"]]
    assert [(batch["number"], spans(batch["ids"])) for batch in of_page] == [
        (batch["number"], batch["instances"]) for batch in began
    ]
    in_admin = re.findall(r"batch (\d+) (?:since|\d{4})", case.admin.upgrade["batches"])
    assert in_admin == [str(batch["number"]) for batch in began]
    for (_, word, counts), batch in zip(lines, began, strict=True):
        assert word == ("finished" if batch["finished_at"] else "running")
        for state, which in batch["members"].items():
            assert f"{len(numbers_in(which))} {state}" in counts


def _the_plan_is_one(case: Case) -> None:
    """The terminal makes it now, the page has that of the last reconcile, which was now."""
    found = case.planned.plan.batches
    expected = [(batch.number, spans(batch.instances)) for batch in found]
    assert [(batch["number"], batch["instances"]) for batch in case.sent["board"]["planned"]] == expected[:100]
    assert [(batch["number"], batch["instances"]) for batch in case.plan_told["batches"]] == expected
    lines = re.findall(r"^  batch (\d+) +(\d+): +(.*?)(?:  .*)?$", case.plan_text, re.MULTILINE)
    told = [(int(number), int(size), which.strip()) for number, size, which in lines]
    assert told == [(batch.number, len(batch.instances), ranges(batch.instances)) for batch in found]
    assert case.plan_told["instances"] == sum(len(batch.instances) for batch in found)


def _reasons_are_one(case: Case) -> None:
    found = {(each.code.value, str(each.text)) for each in reasons.reasons(case.facts, case.now)}
    told = case.sent["scale_set"]["decision"]["reasons"]
    assert {(each["code"], each["text"]) for each in told} == found
    assert {(each["code"], each["message"]) for each in case.api.view["reasons"]} == found
    assert not case.upgrade or {(each["code"], each["message"]) for each in case.api.latest["reasons"]} == found
    assert case.told["decision"]["reasons"] == told
    assert {each["code"] for each in case.page["reasons"]} >= {code for code, _ in found}
    for number, view in case.api.instances.items():
        own = {each["code"] for each in told if str(number) in (each["instances"] or ())}
        assert {each["code"] for each in view["reasons"]} == own
        assert own <= set(case.page["held"][str(number)])


def _machines_are_one(case: Case) -> None:
    """As each instance's row says, and all of them together."""
    of_feed = {int(id): each for id, each in case.sent["instances"].items()}
    assert set(case.api.instances) == set(of_feed) == {each.id for each in case.facts.instances}
    for number, view in case.api.instances.items():
        assert view["vmHealth"]["status"]["code"] == f"HealthState/{of_feed[number]['health']}"
    summary = {each["code"]: each["count"] for each in case.api.view["virtualMachine"]["statusesSummary"]}
    for health in {each["health"] for each in of_feed.values()}:
        assert summary[f"HealthState/{health}"] == sum(each["health"] == health for each in of_feed.values())
    counts, lacking = provisioning.counts_of(case.facts), provisioning.without_machine(case.facts)
    state = provisioning.provisioning_status(
        case.row.capacity, counts, lacking, is_being_deleted=case.row.deleting
    ).state
    assert case.api.view["statuses"][0]["code"] == f"ProvisioningState/{state.value}"


def _the_upgrade_is_called_the_same(case: Case) -> None:
    if case.upgrade is None:
        return
    code = case.api.latest["runningStatus"]["code"]
    assert code == case.sent["upgrade"]["status"] or case.sent["upgrade"]["status"] == "RollingBack"
    assert f"upgrade {case.upgrade.aim}: {case.sent['upgrade']['status']}" in case.text
    if case.api.history and case.upgrade.kind == UpgradeKind.IMAGE:
        assert case.api.history[0]["targetImageReference"]["version"] == case.sent["upgrade"]["target"]["version"]


HOLDS = (
    _progress_is_one,
    _how_it_stands_is_one,
    _the_board_is_one,
    _batches_are_one,
    _the_plan_is_one,
    _reasons_are_one,
    _machines_are_one,
    _the_upgrade_is_called_the_same,
)
