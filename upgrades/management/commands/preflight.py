"""`manage.py preflight RG/NAME`: what a scale set refers to, and what is known of it."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from upgrades import preflight
from upgrades.commands import lookup
from upgrades.management.base import UpgradeCommand


class Command(UpgradeCommand):
    help = (
        "Lists every address, signature, secret and resource that the scale set's model refers to, each with what is known of it, and "
        "every field of the model that has no effect here."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", metavar="RG/NAME")

    def handle(self, *args: Any, **options: Any) -> None:
        found = preflight.checks(lookup.scale_set(options["path"]), timezone.now())
        for check in found:
            self.stdout.write(
                f"{check.result:<12}{check.reference.kind:<10}{check.reference.shown}  ({check.reference.place}: {check.says})"
            )
        if not found:
            self.stdout.write("it refers to nothing outside of itself")
