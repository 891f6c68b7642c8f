"""A process that does one operation, to be killed: `python -m tests.virtual_machines.worker PROVIDER HOME SETTINGS OPERATION`."""

import json
import sys
from pathlib import Path

from upgrades.providers import load
from upgrades.providers.checks.site import done, play
from upgrades.providers.remote.wire import operation_from_json

if __name__ == "__main__":
    name, home = sys.argv[1], Path(sys.argv[2])
    settings, operation = json.loads(sys.argv[3]), operation_from_json(json.loads(sys.argv[4]))
    play(lambda: load(name, home, settings), lambda provider: done(provider, operation, seconds=3600))
