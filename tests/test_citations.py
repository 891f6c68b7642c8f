"""Every rule of Azure's that is cited by its number has a heading in docs/azure.md."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
AZURE = (ROOT / "docs" / "azure.md").read_text()
TEXTS = frozenset(
    {".py", ".md", ".js", ".mjs", ".html", ".css", ".txt", ".toml", ".json", ".conf", ".yml", ".yaml", ".sh", ""}
)
# Installed, generated or not ours.
LEFT_OUT = frozenset({"node_modules", "__pycache__", "var", "vendor", "vectors"})
CITED = re.compile(r"\b(?:S-\d+|A-\d+|Z-\d+(?:\.\d+)?)\b")
# A word of such a document and a number with a point: documents that readers of this repository do not have.
# The brackets keep these patterns from finding themselves.
ELSEWHERE = re.compile(r"\b(?:[f]acts|[h]ouse|[c]hecklist|[s]creens|[r]untime|[i]nterfaces)(?:\.md)? \d+\.\d+\b")


def _headings() -> list[str]:
    return re.findall(r"^### (\S+) ", AZURE, re.MULTILINE)


def _texts() -> Iterator[Path]:
    for folder, names, files in os.walk(ROOT):
        names[:] = [name for name in names if name not in LEFT_OUT and not name.startswith(".")]
        yield from (Path(folder, name) for name in files if Path(name).suffix in TEXTS)


def _found(pattern: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """(file:line, what was found there)."""
    for path in _texts():
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            for found in pattern.findall(line):
                yield f"{path.relative_to(ROOT)}:{number}", found


def test_every_cited_rule_of_azure_has_a_heading() -> None:
    headings = set(_headings())
    cited = list(_found(CITED))
    assert len(cited) > 500
    assert [f"{place}: {number}" for place, number in cited if number not in headings] == []


def test_no_document_is_cited_that_is_not_here() -> None:
    assert [f"{place}: {citation}" for place, citation in _found(ELSEWHERE)] == []


def test_every_heading_stands_once_and_none_is_left_out() -> None:
    headings = _headings()
    assert [number for number, times in Counter(headings).items() if times > 1] == []
    assert [f"S-{n}" for n in range(1, 62)] == [heading for heading in headings if heading.startswith("S-")]
    assert [f"A-{n}" for n in range(1, 56)] == [heading for heading in headings if heading.startswith("A-")]


def test_every_point_says_whether_it_is_built() -> None:
    points = re.findall(r"^### ([SA]-\d+ .*)\n\n((?:.+\n)*.+)$", AZURE, re.MULTILINE)
    assert len(points) == 61 + 55
    assert [
        name for name, text in points if not re.search(r"(Built|\*\*Not built|\*\*Built in part)\.(\*\*)?$", text)
    ] == []


def test_every_point_of_the_document_that_is_built_names_a_test_that_exists() -> None:
    points = re.findall(r"^### (S-\d+) .*\n\n((?:(?!#).*\n)*)", AZURE, re.MULTILINE)
    assert len(points) == 61
    tests = {
        name
        for path in Path(ROOT, "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)\(", path.read_text())
    }
    for number, text in points:
        named = re.findall(r"`(test_\w+)`", text)
        assert named or "Built." not in text, number
        assert set(named) <= tests, number
