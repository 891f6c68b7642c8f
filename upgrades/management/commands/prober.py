"""`manage.py prober`: the process that asks instances how they are."""

import asyncio
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from upgrades import measures, tasks
from upgrades.prober.process import Prober
from upgrades.probes.descriptors import raise_limit
from upgrades.probes.loops import loop_factory


class Command(BaseCommand):
    help = "Probes the health of all instances, until it is told to stop. `manage.py up` starts it."

    def handle(self, *args: Any, **options: Any) -> None:
        measures.begin()
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(self._run())

    async def _run(self) -> None:
        raise_limit()  # a connection for each probe in flight
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await Prober(settings.ROLLGRID_HOME, timezone.now, tasks.wake).run(stop)
