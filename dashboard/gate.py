"""The starting gate: lets `up` start processes early. They load their code (the slow part), then wait until the database is ready.

The gate is the read end of a pipe that `up` holds open; it opens when `up` closes the other end, and then stays open for processes
that are started again later. Imports no Django.
"""

import os

VARIABLE = "ROLLGRID_GATE"  # set by `up` only


def wait() -> None:
    """Returns once the gate is open; at once in a process that `up` did not start."""
    handle = os.environ.pop(VARIABLE, "")
    if handle:
        os.read(int(handle), 1)
        os.close(int(handle))
