"""The feed's client in Python (clients/python) without a server: what it bears, and what its package holds."""

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

from rollgrid_feed import FeedCopy

from dashboard.environment import CHECKOUT

SECONDS_TO_BUILD = 60


def test_a_copy_bears_unknown_messages_and_states() -> None:
    """Messages, states and reasons that a later server may send, and messages of before the snapshot that was fetched."""
    board = {"states": {"levitating": "0-1"}}
    delta = {"type": "delta", "set": "a/b", "stream": "s"}

    async def story(copy: FeedCopy) -> None:
        copy._news = asyncio.Event()
        copy.sets["a/b"] = {"stream": "s", "seq": 1, "instances": {}, "scale_set": {}, "upgrade": None, "board": None}
        await copy._take({"type": "song"})
        await copy._take({**delta, "since": 1, "seq": 3, "board": board, "new": 1})
        await copy._take({**delta, "since": 0, "seq": 2, "board": None})
        await copy._take({**delta, "type": "reset", "seq": 2, "reason": "gap"})

    copy = FeedCopy("http://127.0.0.1", "token")
    asyncio.run(story(copy))
    assert (copy.sets["a/b"]["seq"], copy.sets["a/b"]["board"]) == (3, board)


def test_the_client_is_a_package_with_its_types(tmp_path: Path) -> None:
    source = shutil.copytree(CHECKOUT / "clients" / "python", tmp_path / "source")
    code = "import sys; from setuptools.build_meta import build_wheel; print(build_wheel(sys.argv[1]))"
    run = [sys.executable, "-c", code, str(tmp_path)]
    subprocess.run(run, cwd=source, check=True, capture_output=True, timeout=SECONDS_TO_BUILD)
    (wheel,) = tmp_path.glob("*.whl")
    parts = {"__init__.py", "__main__.py", "copy.py", "state.py", "py.typed"}
    assert {f"rollgrid_feed/{name}" for name in parts} <= set(ZipFile(wheel).namelist())
