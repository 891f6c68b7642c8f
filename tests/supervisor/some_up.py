"""`manage.py up` without some of its programs: `python -m tests.supervisor.some_up prober,beat --http-port ...`."""

import sys
from dataclasses import replace

from dashboard.supervisor import stack
from dashboard.supervisor.programs import Options, Programs, standard
from dashboard.supervisor.up import main


def without(names: set[str], options: Options, lock: int, gate: int) -> Programs:
    whole = standard(options, lock, gate)
    return replace(
        whole,
        early=tuple(program for program in whole.early if program.name not in names),
        late=tuple(program for program in whole.late if program.name not in names),
        simulator=None if "simulator" in names else whole.simulator,
    )


if __name__ == "__main__":
    stack.LOOK_AT_CERTIFICATE_SECONDS = 0.5
    left_out = set(sys.argv[1].split(","))
    sys.exit(main(sys.argv[2:], lambda *given: without(left_out, *given)))
