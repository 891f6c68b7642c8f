"""A process that does one operation, to be killed: `python -m tests.virtual_machines.worker HOME SETTINGS OPERATION`, both in JSON."""

import json
import sys
from pathlib import Path

from upgrades.providers.checks.site import done, play
from upgrades.providers.qemu.provider import QemuProvider
from upgrades.providers.remote.wire import operation_from_json

if __name__ == "__main__":
    home, settings, operation = Path(sys.argv[1]), json.loads(sys.argv[2]), operation_from_json(json.loads(sys.argv[3]))
    play(lambda: QemuProvider(home, settings), lambda provider: done(provider, operation, seconds=3600))
