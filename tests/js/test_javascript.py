"""The modules of the pages, under Node: tests/js/*.test.mjs. Those that need a document have jsdom's (page.mjs)."""

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
JSDOM = HERE.parents[1] / "node_modules" / "jsdom"
FILES = sorted(HERE.glob("*.test.mjs"))
MISSING = (
    "Node is not installed: 18.19 or newer is needed for the tests of the pages' scripts (Debian: apt install nodejs)"
)
NO_JSDOM = "jsdom is not installed: run `npm ci`, or `make lint`, which does"


def test_script_tests_are_found() -> None:
    assert len(FILES) >= 4


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.name))
def test_script_tests_pass(file: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.fail(MISSING, pytrace=False)
    if "page.mjs" in file.read_text() and not JSDOM.exists():
        pytest.fail(NO_JSDOM, pytrace=False)
    words = [node, "--no-warnings", str(file)]  # `--test` would start a second Node for it
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        pytest.fail(f"{done.stdout}\n{done.stderr}", pytrace=False)
