"""The documents speak of the code as it is."""

import ast
import re
from pathlib import Path

from upgrades.core.decide import RULES

ROOT = Path(__file__).parent.parent
RULES_TEXT = (ROOT / "docs" / "rules.md").read_text()


def _tests() -> set[str]:
    return {
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    }


def test_every_test_that_the_rules_name_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", RULES_TEXT))
    assert named and named <= _tests(), named - _tests()


def test_every_scenario_that_the_rules_name_exists() -> None:
    lists = re.findall(r"scenarios? ((?:`\w+`(?:, )?)+)", RULES_TEXT)
    named = {name for names in lists for name in re.findall(r"`(\w+)`", names)}
    there_are = {path.stem for path in (ROOT / "tests" / "scenarios").rglob("*.txt")}
    assert named and named <= there_are, named - there_are


def test_every_rule_stands_in_its_order() -> None:
    told = re.findall(r"^\| \d+ \|.*?\| `(\w+)` \|", RULES_TEXT, re.MULTILINE)
    assert told == [rule.__name__ for rule in RULES]


def test_every_rule_of_decide_has_tests_and_a_transcript() -> None:
    rows = [line for line in RULES_TEXT.splitlines() if re.match(r"\| \d+ \|.*\| `\w+` \|", line)]
    assert [line for line in rows if "`test_" not in line or not re.search(r"scenarios? `", line)] == []


def test_every_rule_of_health_has_tests_and_a_transcript() -> None:
    health = RULES_TEXT.partition("\n## Health\n")[2].partition("\n## ")[0]
    rows = [line for line in health.splitlines() if line.startswith("| ") and not line.startswith(("| rule", "| ---"))]
    assert len(rows) > 10
    assert [line for line in rows if "`test_" not in line or not re.search(r"scenarios? `", line)] == []


def test_every_transcript_is_named_by_a_rule() -> None:
    unnamed = {path.stem for path in (ROOT / "tests" / "scenarios").rglob("*.txt")} - set(
        re.findall(r"`(\w+)`", RULES_TEXT)
    )
    assert unnamed == set()


def test_every_point_of_azures_about_upgrades_has_its_test() -> None:
    """Their criteria, one by one: the rows of the tables whose source names them."""
    points = [*(f"A-{number}" for number in (*range(5, 19), 20, 21, 24, 29, 31, 39)), "S-32"]
    tested = [cells[-4:-1] for cells in map(_cells, RULES_TEXT.splitlines()) if "`test_" in cells[-2]]
    sources = {point for cells in tested for cell in cells for point in re.findall(r"\b[AS]-\d+\b", cell)}
    assert [point for point in points if point not in sources] == []


def _cells(line: str) -> list[str]:
    return line.split("|") if line.startswith("|") else ["", "", ""]


def test_links_between_documents_lead_somewhere() -> None:
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name}: {target}"
