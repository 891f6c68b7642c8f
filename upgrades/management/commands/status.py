"""`manage.py status [RG/NAME] [--watch] [--plan] [--json]`: how the fleet stands, or what would happen, in the terminal."""

import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from upgrades.commands import lookup
from upgrades.management import plan, status, status_json
from upgrades.management.base import UpgradeCommand

EVERY_SECONDS = 0.5
HOME_AND_CLEAR = "\x1b[H\x1b[J"
# By whether it is the plan, and whether it is for scripts: of all scale sets, and of one.
VIEWS = {
    (False, False): (status.all_sets, status.one_set),
    (True, False): (plan.all_sets, plan.one_set),
    (False, True): (status_json.all_sets, status_json.one_set),
    (True, True): (status_json.all_plans, status_json.one_plan),
}


class Command(UpgradeCommand):
    help = "Shows all scale sets, or one: batches, counts, and why it waits."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", metavar="RG/NAME", nargs="?")
        parser.add_argument("--watch", action="store_true", help="repeat until Ctrl-C")
        parser.add_argument(
            "--json", action="store_true", help="the same as JSON in one line, for scripts (docs/operations.md)"
        )
        parser.add_argument(
            "--plan", action="store_true", help="what would happen: the batches, what holds them, and when it ends"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        lines = partial(self._lines, options["path"], options["plan"], options["json"])
        if not options["watch"]:
            self._write(lines())
            return
        try:
            self._watch(lines)
        except KeyboardInterrupt:
            self.stdout.write("")

    def _write(self, lines: list[str]) -> None:
        for line in lines:
            self.stdout.write(line)

    def _watch(self, read: Callable[[], list[str]]) -> None:
        """Draws over itself on a terminal; elsewhere prints what changed."""
        pause, before, clear = threading.Event(), [""], HOME_AND_CLEAR if sys.stdout.isatty() else ""
        while True:
            lines = read()
            if lines != before:
                sys.stdout.write(clear)
                self._write(lines)
                self.stdout.flush()
            before = lines
            pause.wait(EVERY_SECONDS)

    def _lines(self, path: str | None, is_plan: bool, is_json: bool) -> list[str]:
        all_sets, one_set = VIEWS[is_plan, is_json]
        now = timezone.now()
        return all_sets(now) if path is None else one_set(lookup.scale_set(path), now)
