"""`manage.py simulate RG/NAME --sick ID ... | --unhealthy | --heal | --stop | --start | --vanish ...`: sets a scene on single instances."""

import asyncio
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from upgrades.providers.base import ProviderError
from upgrades.providers.simulated.client import SimulatorControl

ACTIONS = {
    "sick": "their application answers 503 until healed, whatever image they get",
    "unhealthy": "their application answers 200 and says Unhealthy until healed: a rich health probe listens to that",
    "heal": "the application is well again",
    "stop": "switch off: the socket is closed",
    "vanish": "delete the machines with their disks, as somebody does in the cloud's own console",
    "start": "switch on again: boots as long as its image boots",
}


class Command(BaseCommand):
    help = "Makes simulated machines answer badly, recover, stop, start or vanish."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("scale_set", metavar="RG/NAME")
        for action, words in ACTIONS.items():
            parser.add_argument(f"--{action}", metavar="ID", nargs="+", default=[], help=words)

    def handle(self, *, scale_set: str, **options: Any) -> None:
        actions: dict[str, list[str]] = {action: options[action] for action in ACTIONS if options[action]}
        if not actions:
            raise CommandError(f"say what to do: at least one of --{', --'.join(ACTIONS)} with instance ids")
        try:
            done = asyncio.run(_carry_out(Path(settings.ROLLGRID_HOME), scale_set.lower(), actions))
        except ProviderError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{scale_set}: {done} done")


async def _carry_out(home: Path, key: str, actions: Mapping[str, Sequence[str]]) -> int:
    control = SimulatorControl(home)
    try:
        return await control.act(key, actions)
    finally:
        await control.close()
