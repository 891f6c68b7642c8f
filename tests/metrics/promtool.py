"""Debian's promtool, which says whether Prometheus understands something."""

import os
import shutil
import subprocess

import pytest


def promtool(*words: str, given: str | None = None) -> None:
    """Runs it; the test fails with what it says where it finds anything."""
    program = shutil.which("promtool")
    if not program:
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up("promtool is not installed: apt install prometheus")
    done = subprocess.run([program, *words], input=given, capture_output=True, text=True)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    # `check metrics` ends with 3 where it only has advice; nothing of that is wanted either.
    assert given is None or not said, said
