#!/usr/bin/env python3
"""Rollgrid's command line, from a checkout. An installed package has it as `rollgrid`."""

import sys
from pathlib import Path

# With PYTHONSAFEPATH in the environment Python leaves our own folder out.
if (here := str(Path(__file__).resolve().parent)) not in sys.path:
    sys.path.insert(0, here)

from dashboard.command_line import main

if __name__ == "__main__":
    main()
