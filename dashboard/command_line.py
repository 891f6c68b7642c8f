"""Rollgrid's command line. `up`, `azure-emulator` and `simulator` start without Django: they are small and must start fast."""

import os
import sys

from dashboard.environment import BadEnvironment, keep_ours
from upgrades.installation import PROGRAM, NoHome

NO_KEY = f"there is no secret key yet: `{PROGRAM} up` makes one at its first start; or set ROLLGRID_HOME or ROLLGRID_SECRET_KEY"


def main() -> None:
    """Run the command that this process was started with."""
    try:
        run(sys.argv)
    except (BadEnvironment, NoHome) as problem:
        sys.exit(f"rollgrid: {problem}")


def run(arguments: list[str]) -> None:
    keep_ours()
    if arguments[1:2] == ["up"]:
        from dashboard.supervisor.up import main as up

        sys.exit(up(arguments[2:]))
    if arguments[1:2] in (["azure-emulator"], ["azure_emulator"]):
        from dashboard.supervisor.azure_emulator import main as azure_emulator

        sys.exit(azure_emulator(arguments[2:]))
    if arguments[1:2] == ["simulator"]:
        from upgrades.providers.simulated.server import main as simulator

        sys.exit(simulator(arguments[2:]))
    manage(arguments)


def manage(arguments: list[str]) -> None:
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output has ended, as in `manage.py status | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except ImproperlyConfigured as problem:
        sys.exit(f"rollgrid: {NO_KEY if 'SECRET_KEY' in str(problem) else problem}")
