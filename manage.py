#!/usr/bin/env python3
"""Rollgrid's command line. `up` and `simulator` start without Django: they are small and must start fast."""

import os
import sys

from dashboard.environment import BadEnvironment


def main(arguments: list[str]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    if arguments[1:2] == ["up"]:
        from dashboard.supervisor.up import main as up

        sys.exit(up(arguments[2:]))
    if arguments[1:2] == ["simulator"]:
        from upgrades.providers.simulated.server import main as simulator

        sys.exit(simulator(arguments[2:]))
    from django.core.management import execute_from_command_line

    execute_from_command_line(arguments)


if __name__ == "__main__":
    try:
        main(sys.argv)
    except BadEnvironment as problem:
        sys.exit(f"rollgrid: {problem}")
