"""The documents speak of the code as it is."""

import ast
import re
from pathlib import Path

from django.core.management import get_commands, load_command_class

from upgrades.core.decide import RULES

ROOT = Path(__file__).parent.parent
RULES_TEXT = (ROOT / "docs" / "rules.md").read_text()
TESTS_TEXT = (ROOT / "docs" / "rules-tests.md").read_text()


def _tests() -> set[str]:
    return {
        node.name
        for path in (ROOT / "tests").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    }


def _sections(text: str) -> dict[str, str]:
    """What stands under each heading of the third level, by the heading."""
    return dict(re.findall(r"^### (.+)\n((?:(?!#).*\n?)*)", text, re.MULTILINE))


def _part(text: str, title: str) -> str:
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


RULES_BY_TITLE, TESTS_BY_TITLE = _sections(RULES_TEXT), _sections(TESTS_TEXT)


def test_every_test_that_the_rules_name_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", RULES_TEXT + TESTS_TEXT))
    assert named and named <= _tests(), named - _tests()
    paths = re.findall(r"all of `(tests/\S+)`", TESTS_TEXT)
    assert paths and [path for path in paths if not (ROOT / path).exists()] == []


def test_every_scenario_that_the_rules_name_exists() -> None:
    named = set(re.findall(r"scenario `(\w+)`", RULES_TEXT + TESTS_TEXT))
    there_are = {path.stem for path in (ROOT / "tests" / "scenarios").rglob("*.txt")}
    assert named == there_are, named ^ there_are


def test_each_rule_has_the_same_heading_in_the_index_of_tests() -> None:
    assert list(RULES_BY_TITLE) == list(TESTS_BY_TITLE)


def test_each_rule_links_to_its_own_tests_and_scenarios() -> None:
    for title, text in RULES_BY_TITLE.items():
        assert f"[tests](rules-tests.md#{_anchor(title)})" in text, title
        linked = re.findall(r"\[\w+\]\(\.\./tests/scenarios/(?:\w+/)*(\w+)\.txt\)", text)
        assert linked == re.findall(r"- scenario `(\w+)`", TESTS_BY_TITLE[title]), title


def test_every_rule_stands_in_its_order() -> None:
    told = re.findall(r"^Source: .* · function `(\w+)`", RULES_TEXT, re.MULTILINE)
    assert told == [rule.__name__ for rule in RULES]
    assert list(_sections(_part(RULES_TEXT, "The decision"))) == list(RULES_BY_TITLE)[: len(RULES)]


def test_every_rule_of_decide_has_its_number_a_reason_and_an_example() -> None:
    rules = list(RULES_BY_TITLE.items())[: len(RULES)]
    for number, (title, text) in enumerate(rules, 1):
        assert title.startswith(f"Rule {number}: ")
        assert "*Why:*" in text and re.search(r"\*Example:\*[^*]*\d", text), title


def test_every_rule_of_decide_has_tests_and_a_transcript() -> None:
    assert len(_sections(_part(TESTS_TEXT, "The decision"))) == len(RULES)
    assert _without_proof("The decision") == []


def test_every_rule_of_health_has_tests_and_a_transcript() -> None:
    assert len(_sections(_part(TESTS_TEXT, "Health"))) > 10
    assert _without_proof("Health") == []


def _without_proof(part: str) -> list[str]:
    sections = _sections(_part(TESTS_TEXT, part))
    return [title for title, text in sections.items() if "- `test_" not in text or "- scenario `" not in text]


def test_every_point_of_azures_about_upgrades_has_its_test() -> None:
    """Their criteria, one by one: the rules whose source names them."""
    points = [*(f"A-{number}" for number in (*range(5, 19), 20, 21, 24, 29, 31, 39)), "S-32"]
    tested = [text for title, text in RULES_BY_TITLE.items() if "- `test_" in TESTS_BY_TITLE[title]]
    sources = {
        point
        for text in tested
        for line in re.findall(r"^Source: (.*)", text, re.M)
        for point in re.findall(r"\b[AS]-\d+\b", line)
    }
    assert [point for point in points if point not in sources] == []


PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]


def test_no_line_is_too_long_to_be_read() -> None:
    """Prose ends at 160 characters; a row of a table and a line of code cannot be wrapped."""
    for page in PAGES:
        for number, line in enumerate(page.read_text().splitlines(), 1):
            longest = 450 if line.startswith(("|", "    ", "  <img")) else 160
            assert len(line) <= longest, f"{page.name}:{number}"


def test_every_test_that_a_document_names_exists() -> None:
    files = {path.stem for path in (ROOT / "tests").rglob("test_*.py")}
    named = {name for page in PAGES for name in re.findall(r"`(test_\w+)`", page.read_text())}
    assert len(named) > 100 and named <= _tests() | files, named - _tests() - files


def test_every_line_of_the_log_that_is_explained_is_written_by_the_code() -> None:
    """Of each line in the table, the first words of its longest run of plain words: values interrupt the run."""
    told = re.findall(r"^\| (`.*?) \|", _part((ROOT / "docs" / "operations.md").read_text(), "Logs"), re.MULTILINE)
    lines = [line for row in told for line in re.findall(r"`([^`]+)`", row)]
    code = "".join(path.read_text() for folder in ("dashboard", "upgrades") for path in (ROOT / folder).rglob("*.py"))
    assert len(lines) > 15
    for line in lines:
        words = max(re.findall(r"[a-z][a-z ,;]*[a-z]", line.replace("...", "|").replace("(", "|")), key=len)
        assert " ".join(words.split()[:4]) in code, f"{line}: {words}"


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _anchors(text: str) -> set[str]:
    return {_anchor(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


def test_links_between_documents_lead_somewhere() -> None:
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", path.read_text()):
            there = path.parent / target if target else path
            assert there.exists(), f"{path.name}: {target}"
            if anchor and there.suffix == ".md":
                assert anchor in _anchors(there.read_text()), f"{path.name}: {target}#{anchor}"


def test_every_word_of_the_glossary_stands_once_and_is_carried_by_code_that_exists() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text()
    entries = re.findall(r"^\| ([^|]+) \| [^|]+ \| \[`(\w+)`\]\(\.\./(\S+)\) \|$", text, re.MULTILINE)
    words = [word for word, _, _ in entries]
    assert len(words) >= 60 and len(set(words)) == len(words)
    # The first two rows of a table are its head.
    assert len(entries) == len([line for line in text.splitlines() if line.startswith("| ")]) - 2
    for word, name, path in entries:
        defined = rf"^\s*(?:(?:async )?def|class) {name}\b|^{name}\b.*="
        assert re.search(defined, (ROOT / path).read_text(), re.MULTILINE), f"{word}: no {name} in {path}"


def test_the_steps_of_an_upgrade_name_functions_that_exist() -> None:
    steps = _part((ROOT / "docs" / "architecture.md").read_text(), "One upgrade")
    named = re.findall(r"`(\S+\.(?:py|js)):(\w+)`", steps)
    assert len(named) > 30
    for path, name in named:
        # The last: a method of a class in JavaScript.
        defined = (
            rf"^\s*(?:export |async )*(?:def|class|function) {name}\b|^{name}\b.*=|^  (?:async )?{name}\(.*\) {{{{$"
        )
        assert re.search(defined, (ROOT / path).read_text(), re.MULTILINE), f"{path}: {name}"


def test_every_file_that_contributors_are_sent_to_exists() -> None:
    named = re.findall(
        r"`((?:dashboard|upgrades|tests|static|templates|docs)/[\w./-]*)`", (ROOT / "CONTRIBUTING.md").read_text()
    )
    assert len(named) > 20 and [name for name in named if not (ROOT / name).exists()] == []


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / ".github").rglob("*.*")]
    named = {name for page in pages for name in re.findall(r"(?:`|run: )make ([a-z-]+)", page.read_text())}
    (matrix,) = re.findall(r"target: \[(.*)\]", (ROOT / ".github/workflows/slow.yml").read_text())
    assert named | {*matrix.split(", ")} <= targets


def test_every_document_that_the_code_names_exists() -> None:
    folders = ("upgrades", "dashboard", "static", "templates", "tests", "bench")
    files = [
        path for folder in folders for path in (ROOT / folder).rglob("*.*") if path.suffix in (".py", ".js", ".html")
    ]
    named = {name for path in files for name in re.findall(r"\bdocs/[\w-]+\.md", path.read_text())}
    assert len(named) > 6 and [name for name in named if not (ROOT / name).exists()] == []


def _options(command: str) -> str:
    """The text that has all options of a command of manage.py; some start without Django."""
    if command in ("up", "simulator", "azure-emulator"):
        file = "azure_emulator.py" if command == "azure-emulator" else "up.py"
        return (ROOT / "dashboard" / "supervisor" / file).read_text()
    parser = load_command_class(get_commands()[command], command).create_parser("manage.py", command)
    return parser.format_help()


def test_every_command_that_is_named_exists_and_has_these_options() -> None:
    named: dict[str, set[str]] = {}
    for page in PAGES:
        for command, rest in re.findall(
            r"(?:manage\.py|rollgrid) ([a-z_]+(?:-[a-z]+)?)\b((?:(?!  )[^`\n#])*)", page.read_text()
        ):
            named.setdefault(command, set()).update(re.findall(r"--[a-z][a-z-]+", rest))
    assert len(named) > 20
    for command, options in named.items():
        assert [option for option in sorted(options) if option not in _options(command)] == [], command
