"""`manage.py check_image_sources [NAME]`: what the sources of images have that is new is imported and published now."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from upgrades.commands.image_sources import check_image_source
from upgrades.management.base import UpgradeCommand, check_queue
from upgrades.models import ImageSource


class Command(UpgradeCommand):
    help = (
        "Checks all sources of images that are enabled, or the named one: what is new is downloaded, verified, imported and published; "
        "scale sets that follow it are upgraded. Ends with code 1 if something is wrong with one of them."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", nargs="?")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["name"]
        rows = list(ImageSource.objects.filter(**({"name": name} if name else {"enabled": True})))
        if not rows:
            raise CommandError(
                f"there is no source {name!r}" if name else "there are no sources; the admin site adds them"
            )
        if name:
            for location in rows[0].locations.all():
                check_queue(location)
        else:
            rows = [row for row in rows if row.queues() in ([settings.ROLLGRID_QUEUE], [])]
        for row in rows:
            self.stdout.write(check_image_source(row, timezone.now))
        wrong = ImageSource.objects.filter(pk__in=[row.pk for row in rows]).exclude(error="")
        if wrong:
            raise CommandError(f"something is wrong with {', '.join(map(str, wrong))}")
