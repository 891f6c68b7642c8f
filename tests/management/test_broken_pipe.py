"""What is said to somebody who has seen enough."""

import os
import subprocess
import sys

from dashboard.environment import CHECKOUT


def test_a_reader_that_goes_away_leaves_no_traceback() -> None:
    """As `manage.py help | head -0` does."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        run = [sys.executable, "manage.py", "help"]
        result = subprocess.run(run, cwd=CHECKOUT, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60)
    finally:
        os.close(writer)
    assert (result.returncode, result.stderr) == (1, "")
