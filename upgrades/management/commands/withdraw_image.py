"""`manage.py withdraw_image PUBLISHER OFFER SKU VERSION --reason R [--undo]`"""

from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from upgrades.commands.images import WithdrawalResult, undo_withdrawal, withdraw_image
from upgrades.core.facts import ImageReference
from upgrades.installation import PROGRAM
from upgrades.management.base import UpgradeCommand, user_name
from upgrades.management.text import moment


class Command(UpgradeCommand):
    help = "Withdraws a published version: no instance gets it any more, and upgrades to it stop. Instances that run it keep it."

    def add_arguments(self, parser: CommandParser) -> None:
        for name in ("publisher", "offer", "sku", "version"):
            parser.add_argument(name, metavar=name.upper())
        parser.add_argument(
            "--reason", default="", metavar="R", help="why the version is withdrawn; shown to everybody who runs it"
        )
        parser.add_argument("--undo", action="store_true", help="undo the withdrawal")

    def handle(self, *args: Any, **options: Any) -> None:
        reference = ImageReference(*(options[name] for name in ("publisher", "offer", "sku", "version")))
        if options["undo"]:
            found = undo_withdrawal(reference, timezone.now(), by=user_name())
            said = f"{reference} is no longer withdrawn" if found.changed else f"{reference} was not withdrawn"
            self.stdout.write(said)
            return
        if not options["reason"]:
            raise CommandError("say why: --reason R; whoever runs the version is told")
        for line in _told(
            reference, withdraw_image(reference, timezone.now(), by=user_name(), reason=options["reason"])
        ):
            self.stdout.write(line)


def _told(reference: ImageReference, found: WithdrawalResult) -> Iterator[str]:
    row = found.row
    if found.changed:
        yield f"withdrawn {reference}; the newest version that is left: {found.left or 'none: no new instance can be made'}"
    elif row.withdrawn_at:
        yield f"{reference} was withdrawn already, {moment(row.withdrawn_at)} by {row.withdrawn_by}: {row.withdrawn_reason}"
    for scale_set in found.scale_sets:
        yield f"  {scale_set} runs it, is being upgraded to it, or is pinned to it: {PROGRAM} status {scale_set}"
