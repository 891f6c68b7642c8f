"""`manage.py start RG/NAME [--only-failed | --extensions] [--unhealthy-first]`"""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from upgrades.commands.upgrades import start, start_extensions
from upgrades.management.base import UpgradeCommand, user_name


class Command(UpgradeCommand):
    help = "Starts a rolling upgrade by hand: to the latest image, or of the extensions."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", metavar="RG/NAME")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--only-failed", action="store_true", help="only instances that failed on the latest image")
        what.add_argument(
            "--extensions",
            action="store_true",
            help="bring the extensions of all instances to those of the model; OS disks stay",
        )

        parser.add_argument(
            "--unhealthy-first",
            action="store_true",
            help="upgrade the instances that are unhealthy now first; until then they do not keep the gate shut",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path, now, unhealthy_first = options["path"], timezone.now(), options["unhealthy_first"]
        if options["extensions"] and unhealthy_first:
            raise CommandError(
                "--unhealthy-first is of images: extensions are not what mends an instance; leave one of the two out"
            )
        upgrade = (
            start_extensions(path, user_name(), now)
            if options["extensions"]
            else start(path, user_name(), now, only_failed=options["only_failed"], unhealthy_first=unhealthy_first)
        )
        whom = "those that failed in " if upgrade.only_failed else ""
        self.stdout.write(f"started the {upgrade.called(whom + path)}")
