"""`make check`: the tests nearest to a change, in order, and no longer than one waits."""

import subprocess
import sys
from pathlib import Path

import grimp
import pytest

from tests.nearest import main, nearest_tests

GRAPH = grimp.build_graph("dashboard", "upgrades", "tests")


def test_the_same_name_comes_first_then_imports_then_the_folder() -> None:
    found = nearest_tests(Path("upgrades/core/documents.py"), GRAPH)
    assert found[0] == "tests/core/test_documents.py"
    assert "tests/core/test_limits.py" in found[1:-1]
    assert found[-1] == "tests/core"


@pytest.mark.parametrize(
    ("changed", "first"),
    [
        ("tests/core/test_zones.py", "tests/core/test_zones.py"),
        ("dashboard/urls.py", "tests/dashboard/test_urls.py"),
        ("static/js/grid.js", "tests/js"),
        ("docs/rules.md", "tests/test_docs.py"),
        ("README.md", "tests/test_docs.py"),
    ],
)
def test_files_that_no_test_imports_have_a_nearest_test(changed: str, first: str) -> None:
    assert nearest_tests(Path(changed), GRAPH)[0] == first


def test_a_file_that_is_not_there_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upgrades/core/nowhere.py"]) == 1
    assert "there is no file upgrades/core/nowhere.py" in capsys.readouterr().err


@pytest.mark.parametrize(("seconds", "said"), [(-1, "True 2 1"), (60, "False 0 3")])
def test_the_run_ends_when_its_time_is_over_and_failures_count(seconds: int, said: str, tmp_path: Path) -> None:
    three = tmp_path / "test_three.py"
    three.write_text("def test_1(): assert 0\ndef test_2(): assert 0\ndef test_3(): assert 0\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    run = (
        "import sys, pytest; from tests.nearest import Budget; budget = Budget(float(sys.argv[1]));"
        "pytest.main(['-p', 'no:django', '-p', 'no:cacheprovider', sys.argv[2]], plugins=[budget]);"
        "print(budget.is_over, budget.left, budget.failed)"
    )
    words = [sys.executable, "-c", run, str(seconds), str(three)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == said
