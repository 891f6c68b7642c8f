"""`manage.py audit [--since T] [--json]`: who did what."""

import json
from collections.abc import Iterable
from itertools import islice
from typing import Any

from django.core.management.base import CommandParser

from upgrades import audit_trail
from upgrades.audit_trail import AuditFilter
from upgrades.core.auditing import AuditOutcome
from upgrades.management.base import UpgradeCommand, read_time, whole_number
from upgrades.models import AuditEntry

MAX_LINES = 1_000_000


class Command(UpgradeCommand):
    help = "Shows who did what, to what, from where, and what was refused. The newest comes first."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", type=read_time, metavar="T", help="only from this time on")
        parser.add_argument("--until", type=read_time, metavar="T", help="only before this time")
        parser.add_argument("--by", default="", metavar="NAME", help="only what this person or client did")
        parser.add_argument("--on", default="", metavar="PATH", help="only on this thing, or in this resource group")
        parser.add_argument("--action", default="", metavar="CODE", help="only this, such as ImagePublished")
        parser.add_argument(
            "--outcome", choices=[outcome.value for outcome in AuditOutcome], default="", help="only these"
        )
        parser.add_argument("--request", default="", metavar="ID", help="only what this request did")
        parser.add_argument("--search", default="", metavar="TEXT", help="only entries with this text")
        parser.add_argument("--most", type=whole_number(1, MAX_LINES), metavar="N", help="at most this many entries")
        parser.add_argument("--json", action="store_true", help="one JSON object in each line")

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = AuditFilter(
            name=options["by"],
            path=options["on"],
            code=options["action"],
            outcome=options["outcome"],
            request_id=options["request"],
            text=options["search"],
            since=options["since"],
            until=options["until"],
        )
        rows: Iterable[AuditEntry] = islice(audit_trail.each(wanted), options["most"])
        say = self._json if options["json"] else self._line
        for row in rows:
            self.stdout.write(say(row))

    def _json(self, row: AuditEntry) -> str:
        return json.dumps(audit_trail.as_json(row))

    def _line(self, row: AuditEntry) -> str:
        who, where = row.name or row.who, f" on {row.path}" if row.path else ""
        came_from = f" ({row.entry_point}{row.came_from and ', '}{row.came_from})"
        return f"{row.at:%Y-%m-%d %H:%M:%S}Z  {who}{came_from}{where}: {row.says}"
