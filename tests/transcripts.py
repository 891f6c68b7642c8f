"""Conversations in plain text: files that alternate commands and, after a line of dashes, the transcript that they lead to.

`pytest --rewrite` writes the transcripts anew: read the difference before you commit it.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

SCENARIOS = Path(__file__).parent / "scenarios"
DASHES = "----"


def hold(path: Path, run: Callable[[Sequence[str]], Sequence[str]], request: pytest.FixtureRequest) -> None:
    """Runs the file's commands, block by block, and holds that each leads to its transcript; `#` begins a comment."""
    text = path.read_text()
    replayed = "\n\n".join(_replay(block, run) for block in text.strip().split("\n\n")) + "\n"
    if request.config.getoption("--rewrite"):
        path.write_text(replayed)
    assert replayed == text


def _replay(block: str, run: Callable[[Sequence[str]], Sequence[str]]) -> str:
    """The block again, with the transcript as it comes out now."""
    commands = block.split(f"\n{DASHES}")[0]
    lines = run([line for line in commands.splitlines() if not line.startswith("#")])
    return "\n".join([commands, DASHES, *lines]) if lines or DASHES in block else commands
