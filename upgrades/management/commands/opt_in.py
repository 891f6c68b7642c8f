"""`manage.py opt_in RG/NAME ID ... [--yes]`"""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from upgrades.commands.opt_outs import opt_in, opt_out_text, opt_outs_of_others
from upgrades.management.base import UpgradeCommand, add_yes, agree, user_name


class Command(UpgradeCommand):
    help = (
        "Ends the opt-outs of instances; they can be upgraded at once. Asks first if the opt-outs are somebody else's."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", metavar="RG/NAME")
        parser.add_argument("ids", metavar="ID", nargs="+")
        add_yes(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        path, ids, now = options["path"], options["ids"], timezone.now()
        if others := opt_outs_of_others(path, ids, by=user_name(), now=now):
            agree(
                [opt_out_text(opt_out) for opt_out in others],
                "End them? The instances can be upgraded at once.",
                yes=options["yes"],
            )
        rows = opt_in(path, ids, owner=user_name(), now=now)
        self.stdout.write(f"opted in: {', '.join(row.name for row in rows)}")
