"""`manage.py wallboard_link NAME [--set RG/NAME ...] [--group RG ...] [--origin URL ...] [--rotate | --revoke | --change]`, or `--list`"""

import json
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from upgrades.commands.wallboard_links import change_link, create_link, revoke_link, rotate_link
from upgrades.core.instants import iso
from upgrades.installation import address
from upgrades.management.base import UpgradeCommand, user_name
from upgrades.models import WallboardLink


class Command(UpgradeCommand):
    help = "Makes a link that shows the feed without signing in, and prints it once; gives it a new token; changes, revokes or lists links."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", nargs="?", default="")
        of = "; may be given several times. Without --set and --group the link is to all scale sets"
        parser.add_argument("--set", action="append", default=[], metavar="RG/NAME", help=f"a scale set{of}")
        parser.add_argument("--group", action="append", default=[], metavar="RG", help=f"a resource group{of}")
        parser.add_argument(
            "--origin", action="append", default=[], metavar="URL", help="pages of it may read the link"
        )
        parser.add_argument("--name", dest="new_name", default="", help="with --change: another name")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--list", action="store_true", help="list all links; those that were revoked too")
        what.add_argument("--rotate", action="store_true", help="give it a new token; the old one ends at once")
        what.add_argument("--change", action="store_true", help="to what --set, --group and --origin say now")
        what.add_argument("--revoke", action="store_true", help="end it for ever, at once")
        parser.add_argument("--json", action="store_true", help="as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        name, as_json = options["name"], options["json"]
        may = {"scale_sets": options["set"], "groups": options["group"], "origins": options["origin"]}
        if options["list"]:
            self._list(name, as_json=as_json)
            return
        if not name:
            raise CommandError("name the link, or give --list")
        if any(may.values()) and (options["rotate"] or options["revoke"]):
            raise CommandError("--set, --group and --origin belong to a new link, or to --change")
        if options["new_name"] and not options["change"]:
            raise CommandError("--name belongs to --change")
        if options["rotate"]:
            self._say(rotate_link(name, timezone.now())[1], as_json=as_json)
        elif options["revoke"]:
            revoke_link(name, timezone.now())
            self._done(f"revoked {name}: its token is no longer valid", as_json=as_json)
        elif options["change"]:
            row = change_link(name, new_name=options["new_name"], **may)
            self._done(f"changed {row.name}: it is to {row.scope}", as_json=as_json)
        else:
            self._say(create_link(name, user_name(), timezone.now(), **may)[1], as_json=as_json)

    def _say(self, token: str, *, as_json: bool) -> None:
        said = {"url": f"{_site()}/wall/{token}/", "token": token}
        if as_json:
            self.stdout.write(json.dumps(said))
            return
        for name, value in said.items():
            self.stdout.write(f"{name:<6} {value}")
        self.stdout.write("Keep them: they are shown this once. Whoever has them can read the feed.")

    def _done(self, text: str, *, as_json: bool) -> None:
        self.stdout.write(json.dumps({"done": text}) if as_json else text)

    def _list(self, name: str, *, as_json: bool) -> None:
        rows = WallboardLink.objects.filter(name=name) if name else WallboardLink.objects.all()
        shapes = [_shape(row) for row in rows]
        if as_json:
            self.stdout.write(json.dumps(shapes))
            return
        for shape in shapes:
            state = f"revoked {shape['revoked_at']}" if shape["revoked_at"] else f"used {shape['used_at'] or 'never'}"
            self.stdout.write(f"{shape['name']}: {shape['scope']}; created {shape['created_at']}, {state}")


def _site() -> str:
    """The address that people use, without a slash at its end."""
    external = settings.EXTERNAL
    return f"{external.scheme}://{external.host}{external.path}" if external else address(settings.ROLLGRID_HOME)


def _shape(row: WallboardLink) -> dict[str, Any]:
    times = {name: getattr(row, name) for name in ("created_at", "used_at", "rotated_at", "revoked_at")}
    return {
        "name": row.name,
        "scope": str(row.scope),
        "sets": row.scale_sets,
        "groups": row.groups,
        "origins": row.origins,
        "created_by": row.created_by,
        **{name: iso(at) if at else None for name, at in times.items()},
    }
