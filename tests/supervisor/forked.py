"""A program for the tests of forks: says what it is, and ends as it was told. `python -m tests.supervisor.forked CODE`; "wait" waits."""

import json
import os
import sys
import threading


def is_open(handle: int) -> bool:
    try:
        os.fstat(handle)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    about = {
        "arguments": sys.argv[1:],
        "input": sys.stdin.read(),
        "variable": os.environ.get("ROLLGRID_STORY"),
        "parent": os.getppid(),
        "is_forked": "django" in sys.modules,
        "leads_its_session": os.getsid(0) == os.getpid(),
        "open": [handle for handle in range(256) if is_open(handle)],
    }
    sys.stdout.write(json.dumps(about) + "\n")
    sys.stdout.flush()
    if sys.argv[1] == "wait":
        threading.Event().wait()
    sys.exit(int(sys.argv[1]))
