"""`manage.py put_load_balancer RG/NAME FILE.json`: a load balancer, for the sake of its health probes."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from upgrades.commands.load_balancers import put_load_balancer
from upgrades.management.base import UpgradeCommand, body_of, read_json


class Command(UpgradeCommand):
    help = "Creates or changes a load balancer from an ARM document; scale sets refer to its probes by id."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", metavar="RG/NAME")
        parser.add_argument("file", metavar="FILE.json", help='"-" reads standard input')

    def handle(self, *args: Any, **options: Any) -> None:
        row = put_load_balancer(options["path"], body_of(read_json(options["file"])), timezone.now())
        self.stdout.write(f"put load balancer {row}")
