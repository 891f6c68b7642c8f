"""The starting gate: `up` starts processes early; they load their code (the slow part), then wait here until the database is ready.

The gate is the read end of a pipe. It opens when `up` closes the other end, and stays open for processes that are restarted later.
Imports no Django.
"""

import os

VARIABLE = "ROLLGRID_GATE"  # set by `up` only


def wait() -> None:
    """Wait until the gate is open. Returns at once in a process that `up` did not start."""
    handle = os.environ.pop(VARIABLE, "")
    if handle:
        os.read(int(handle), 1)
        os.close(int(handle))
