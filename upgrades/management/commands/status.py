"""`manage.py status [RG/NAME] [--watch]`: how the fleet stands, in the terminal."""

import sys
import threading
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from upgrades.commands import finding
from upgrades.management import status
from upgrades.management.door import Door

EVERY_SECONDS = 0.5
HOME_AND_CLEAR = "\x1b[H\x1b[J"


class Command(Door):
    help = "Shows all scale sets, or one: batches, counts, and why it waits."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", metavar="RG/NAME", nargs="?")
        parser.add_argument("--watch", action="store_true", help="again and again, until Ctrl-C")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["watch"]:
            self.stdout.write("\n".join(self._lines(options["path"])))
            return
        try:
            self._watch(options["path"])
        except KeyboardInterrupt:
            self.stdout.write("")

    def _watch(self, path: str | None) -> None:
        """Draws over itself on a terminal; elsewhere prints what changed."""
        pause, before, clear = threading.Event(), [""], HOME_AND_CLEAR if sys.stdout.isatty() else ""
        while True:
            lines = self._lines(path)
            if lines != before:
                self.stdout.write(clear + "\n".join(lines))
                self.stdout.flush()
            before = lines
            pause.wait(EVERY_SECONDS)

    def _lines(self, path: str | None) -> list[str]:
        now = timezone.now()
        return status.one_set(finding.scale_set(path), now) if path else status.all_sets(now)
