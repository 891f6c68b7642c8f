"""A worker of its own process: it goes on with operations until they end, or until it is killed.

python -m tests.containers.kills HOME SETTINGS OPERATION ... (ids of operations that were begun)
"""

import asyncio
import json
import sys
from pathlib import Path

from upgrades.providers import load
from upgrades.providers.base import Progress


async def go_on(home: Path, settings: dict[str, object], operations: list[str]) -> None:
    provider = load("incus", home, settings)
    try:
        while True:
            outcomes = await provider.poll(operations, wait_seconds=5)
            if all(outcome.progress is not Progress.RUNNING for outcome in outcomes.values()):
                return
    finally:
        await provider.close()


if __name__ == "__main__":
    asyncio.run(go_on(Path(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3:]))
