"""Pages paint and compute nothing of the rules: no file under static/js or dashboard compares versions, healths or limits itself.

What a page needs to know the board of the feed says (docs/feed.md): which state an instance is in, who counts, who is next, how near a
limit is. Where it says too little, add it to `upgrades/core/board.py`, and paint that. Rules written a second time drift: a page once
planned 5 batches where the engine took 17, and showed 0 % where the sentence beside it said 30 %.
"""

import ast
import json
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import pytest

from upgrades.core.catalogue import text_of
from upgrades.core.instance_states import InstanceState
from upgrades.core.reason_kinds import KINDS, ReasonKind
from upgrades.core.states import InstanceUpgradeState, UpgradeStatus

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "static" / "js").glob("*.js"))
# The pages' own modules, and the other entry points: they too say what core computed.
ENTRY_POINTS = ("arm", "admin", "management")
MODULES = sorted(
    [
        *(ROOT / "dashboard").glob("*.py"),
        *(path for of in ENTRY_POINTS for path in (ROOT / "upgrades" / of).rglob("*.py")),
    ]
)
INSTEAD = "Let upgrades/core/board.py say it, and paint that."

SAYS_VERSION = r"(?:failed_|approved_|wanted_|latest_)?version"
SAYS_STATE = r"(?:health|power|provisioning)"
SAYS_LIMIT = r"(?:max_\w+_percent|limit_percent)"
# A name of one of these is a member access or a variable; `dataset.version` is of the page itself.
NAME = r"(?<![\w.\"'-])(?:(?!dataset\b)\w+\??\.)*{}\b(?!\")"
STATES = "|".join(sorted({state.value for kind in (InstanceState, InstanceUpgradeState) for state in kind}))
STATUSES = "|".join(status.value for status in UpgradeStatus)
EQUALS, ORDER = r"\s*[!=]==?\s*", r"\s*(?<![=<>])[<>]=?\s*"

PATTERNS = {
    # Whether it is "latest" is a question to the model of the scale set.
    "compares versions": rf"{NAME.format(SAYS_VERSION)}\s*[!=]==?(?!=|\s*\"latest\")|[!=]==?\s*{NAME.format(SAYS_VERSION)}",
    "orders versions": rf"{NAME.format(SAYS_VERSION)}{ORDER}\w|\b(?:isOlder|isNewer|newest)\w*\(",
    "compares the health or the power of instances": (
        rf"{NAME.format(SAYS_STATE)}{EQUALS}|[!=]==?\s*{NAME.format(SAYS_STATE)}|\b(?:has|includes)\({NAME.format(SAYS_STATE)}\)"
    ),
    "computes with a limit": (
        rf"{NAME.format(SAYS_LIMIT)}\s*\)*\s*(?:[*/<>]|[!=]==)|[*/<>]\s*\(*{NAME.format(SAYS_LIMIT)}"
        r"|\*\s*limit\b\s*\)*\s*/|Math\.(?:floor|ceil|round)\([^\n]*\blimit\b[^\n]*/\s*100|\bcount\s*>\s*(?:most|limit)\b"
    ),
    "says how many must recover": r"-\s*room\b|(?<!\.)\broom\s*(?:[!=]==|[<>]=?\s*-?\d)",
    "says who can lift a reason, or what follows from it": r"\bconst (?:WHO|REMEDIES|LIFTED_BY)\b|\bfunction over\(",
    "compares the state of an instance or a member": (
        rf"\bstate\s*[!=]==?\s*\"(?:{STATES})\"|\"(?:{STATES})\"\s*[!=]==?\s*(?:\w+\??\.)*state\b"
    ),
    "compares the status of an upgrade": rf"\bupgrade\??\.status\s*[!=]==?\s*\"(?:{STATUSES})\"",
    "says who counts": (
        r"\bconst (?:SICK|isSick|failedOn|IN_FLIGHT|HAS_FAILED)\b|\bconst SAYS = \{|\bconst counts = \(one\)"
        r"|\bfunction (?:counts|safety|plannedAfter|isToCome)\b"
    ),
}


# What pages still make of states themselves: sentences. Whoever moves one of them to core takes it out of here.
LEFT = {
    "status.js": ["compares the status of an upgrade"],
    "scale-set.js": ["compares the status of an upgrade"],
    "gauges.js": ["says how many must recover"],
}


def faults_in(script: str) -> Iterator[str]:
    for number, line in enumerate(without_comments(script).splitlines(), start=1):
        for what, pattern in PATTERNS.items():
            if re.search(pattern, line):
                yield f"line {number} {what}: {line.strip()[:120]}"


def without_comments(script: str) -> str:
    """Line by line as before."""
    script = re.sub(r"/\*.*?\*/", lambda found: "\n" * found[0].count("\n"), script, flags=re.DOTALL)
    return re.sub(r"(?m)(?<![:\"'`])//.*$", "", script)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.name))
def test_a_script_computes_none_of_the_rules(script: Path) -> None:
    left = LEFT.get(script.name, [])
    found = [fault for fault in faults_in(script.read_text()) if not any(f" {what}: " in fault for what in left)]
    assert not found, f"{script.name}: {'; '.join(found)}. {INSTEAD}"


@pytest.mark.parametrize("name", LEFT)
def test_the_listed_exceptions_still_exist(name: str) -> None:
    found = list(faults_in((ROOT / "static" / "js" / name).read_text()))
    gone = [what for what in LEFT[name] if not any(f" {what}: " in fault for fault in found)]
    assert not gone, f"{name} does not do this any more, take it out of LEFT: {gone}"


# What the pages once had of their own, line by line.
OLD = [
    "const failedOn = (instance, target) => instance.failed_version && instance.failed_version === target;",
    'if (instance.power === "stopped") return "switched-off";',
    "if (SICK.has(instance.health)) return instance.health;",
    'if (!target || instance.version === target) return instance.health === "initializing" ? "verifying" : "done";',
    'const SICK = new Set(["unhealthy", "unknown"]);',
    'const counts = (one) => one.power !== "stopped" && one.operation !== "delete" && !isExtra(one);',
    "const most = Math.floor((of * limit) / 100);",
    "return { count, of, limit, percent: percent(count, of), room: most - count, over: count > most };",
    "const size = Math.floor((counted(board.instances).length * board.upgrade.policy.max_batch_percent) / 100);",
    "const failed = (place) => instances[place].failed_version === upgrade.target.version;",
    "if (onlyFailed) return one.failed_version === version;",
    "return Boolean(one.version) && one.version !== version && takesFailed;",
    "function plannedAfter(list, board, now) {",
    "export const isApproved = (instance, version) => !version || instance.approved_version === version;",
    "const behind = counts.filter(([version]) => version !== target).sort((a, b) => b[1] - a[1]);",
    "if (one.version === sum.latest) sum.current += 1;",
    "const hasIt = one.version === targetOf(board);",
    "const WHO = {",
    '  return `${share}: ${holds} ${number(-room)} more ${room === -1 ? "recovers" : "recover"}.`;',
    "text: held?.text ?? over(board), since, acts };\nfunction over(board) {",
    'const list = instances.filter(({ state }) => state === "failed" || state === "rolled-back");',
    'if (upgrade?.status !== "Faulted") return null;',
    'const IN_FLIGHT = ["queued", "upgrading", "verifying"];',
    "if (gauge.percent > policy.max_unhealthy_percent) return true;",
]


@pytest.mark.parametrize("line", OLD)
def test_rules_that_pages_once_computed_are_found(line: str) -> None:
    assert list(faults_in(line)), line


FINE = [
    'const pinned = image.version === "latest" ? "" : " (pinned)";',
    "// version === target is a comparison in a comment",
    "rows.some((row) => row.dataset.version === latest)",
    "const { percent, limit_percent: limit } = gauge;",
    "const full = Math.min(100, Math.max(2 * limit, Math.ceil(percent / 10) * 10)) || 1;",
    'const face = by === "health" ? HEALTH[instance.health] : STATES[instance.state];',
    "const limits = `limit ${percentText(policy.max_unhealthy_percent)}`;",
]


@pytest.mark.parametrize("line", FINE)
def test_painting_is_no_comparison(line: str) -> None:
    assert not list(faults_in(line)), line


# --- the web face in Python -------------------------------------------------------------------------------------------

ATTRIBUTES = {
    "version", "failed_version", "approved_version", "wanted_version", "latest_version", "target_version",
    "health", "power", "provisioning", "limit_percent", "max_batch_percent", "max_unhealthy_percent",
    "max_unhealthy_upgraded_percent",
}  # fmt: skip
SELECTED = rf"(?:{'|'.join(ATTRIBUTES)})__(?:in|gt|lt|gte|lte|exact)"
RULES = {
    "health",
    "batches",
    "decide",
    "preview",
    "board",
    "reasons",
    "retrying",
    "gauges",
    "whom",
    "progress",
    "in_flight",
}
# Whoever compares with one of these, or looks into such a set, decides who counts.
OF_STATES = {
    "Health",
    "Power",
    "InstanceUpgradeState",
    "HAS_FAILED",
    "IN_FLIGHT",
    "ILL",
    "Why",
    "ReasonCode",
    "StartedBy",
}


def faults_of(module: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(module)):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            named = [side.attr for side in sides if isinstance(side, ast.Attribute) and side.attr in ATTRIBUTES]
            if named:
                yield f"line {node.lineno} compares {named[0]}"
            yield from (f"line {node.lineno} compares with {of}" for of in map(_state_in, sides) if of)
        if isinstance(node, ast.ImportFrom) and node.module == "upgrades.core":
            yield from (f"line {node.lineno} asks core.{alias.name}" for alias in node.names if alias.name in RULES)
        if isinstance(node, ast.Call) and ast.unparse(node).startswith("sum((len("):
            yield f"line {node.lineno} counts what a plan takes: Plan.size"
        if isinstance(node, ast.keyword) and re.fullmatch(SELECTED, node.arg or ""):
            yield f"line {node.lineno} selects by {node.arg}"


def _state_in(side: ast.expr) -> str:
    """ "" where it is none of the states of core."""
    name = side.value if isinstance(side, ast.Attribute) else side
    return name.id if isinstance(name, ast.Name) and name.id in OF_STATES else ""


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.name))
def test_a_view_computes_none_of_the_rules(module: Path) -> None:
    found = list(faults_of(module.read_text()))
    assert not found, f"{module.name}: {'; '.join(found)}. {INSTEAD}"


@pytest.mark.parametrize(
    "module",
    [
        "is_ill = row.health == 'unhealthy'",
        "if instance.version != scale_set.wanted_version: pass",
        "from upgrades.core import batches",
        "Instance.objects.filter(health__in=SICK)",
        "over = share > policy.max_unhealthy_percent",
        "held = [row for row in rows if row.decision.get('code') == Why.FLEET_STOPPED]",
        "failed = [one for one in members if one.state in HAS_FAILED]",
        "stops = upgrade is not None and upgrade.started_by is StartedBy.PLATFORM",
        "count = sum(len(one.instances) for one in plan.batches)",
        "from upgrades.core import documents, in_flight",
    ],
)
def test_rules_in_a_view_are_found(module: str) -> None:
    assert list(faults_of(module)), module


# --- codes of reasons -------------------------------------------------------------------------------------------------

CODES = "|".join(code.value for code in KINDS)
# Quoted, or the name of a member of an object.
QUOTED = re.compile(rf"[\"'`](?:{CODES})[\"'`]|(?<![\w.])(?:{CODES})\s*:(?!:)")
# What only looks like one: the word of a state, and Azure's name for the state of an upgrade.
NO_CODE = re.compile(r"\"state\.quarantined\": \"Quarantined\"|word: \"Paused\"|RollingBack: \{ fill:")
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))


def codes_in(text: str) -> list[str]:
    """The lines that know a code of a reason: what must be known of one comes with it (core/reason_kinds.py, docs/feed.md)."""
    return [line.strip() for line in text.splitlines() if QUOTED.search(NO_CODE.sub("", line))]


@pytest.mark.parametrize("path", [*SCRIPTS, *TEMPLATES], ids=lambda path: str(path.name))
def test_no_page_knows_a_code_of_a_reason(path: Path) -> None:
    found = codes_in(without_comments(path.read_text()))
    assert not found, f"{path.name}: {found}. Let core/reason_kinds.py say it of the code, and read that from the feed."


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.name))
def test_no_view_spells_a_code_of_a_reason(module: Path) -> None:
    values = {code.value for code in KINDS}
    nodes = ast.walk(ast.parse(module.read_text()))
    found = [node.lineno for node in nodes if isinstance(node, ast.Constant) and node.value in values]
    assert not found, f"{module.name}, lines {found}: Let core/reason_kinds.py say it of the code."


@pytest.mark.parametrize(
    "line",
    [
        'const PASSES = new Set(["NothingToDo"]);',
        '  Paused: "Paused",',
        '  FleetStopped: ["waiting", "fleet-stop"],',
        'reasonsIn(board).find((one) => one.code === "WaitingToTryAgain")',
        "if (decision.code === `HealthIsStale`) return;",
        'const SAID = { failed: "FailedOnThisVersion" };',
    ],
)
def test_lists_of_codes_are_found(line: str) -> None:
    assert codes_in(line), line


def test_codes_in_the_stories_of_scripts_are_as_core_has_them() -> None:
    """tests/js/kinds.json has what comes with the codes that the stories use: where this fails, write what it expected there."""
    told = json.loads((Path(__file__).parent / "kinds.json").read_text())
    assert told == {code.value: _carried(code, kind) for code, kind in KINDS.items() if code.value in told}


def _carried(code: StrEnum, kind: ReasonKind) -> dict[str, object]:
    """In the words of docs/feed.md."""
    forms = {form: text_of(f"{code}.expected.{form}") for form in ("one", "other")}
    expected = forms if any(forms.values()) else None
    carried = {
        "passes": kind.ends_by_itself,
        "works": kind.is_work,
        "holds": kind.holds_instances,
        "at_the_gate": kind.at_the_gate,
        "needs_person_after": kind.needs_person_after,
        "is_own": kind.of_instances,
        "gauge": kind.gauge,
        "tries_again": kind.tries_again,
    }
    face = {"fill": kind.fill, "glyph": kind.glyph}
    return {
        "face": face,
        "word": text_of(f"{code}.word"),
        **carried,
        "explains": list(kind.explains),
        "expected": expected,
    }
