"""`manage.py deploy TEMPLATE --resource-group RG --parameters FILE`: a template is deployed, and its progress shown to the end."""

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from upgrades.arm.deployments.bodies import read_document, values_in, wanted_of
from upgrades.arm.deployments.fetching import fetched
from upgrades.arm.deployments.inner_calls import Caller
from upgrades.arm.deployments.running import advance
from upgrades.arm.deployments.sentences import sentences
from upgrades.arm.deployments.starting import begin, planned
from upgrades.arm.errors import ArmError
from upgrades.commands import audit
from upgrades.management.base import UpgradeCommand, add_yes, is_at_a_terminal
from upgrades.models import Deployment, DeploymentOperation

HOST = "localhost"
LOOK_SECONDS = 0.5
WORDS = {"Running": "deploying", "Succeeded": "deployed", "Failed": "FAILED", "Canceled": "cancelled"}


class Command(UpgradeCommand):
    help = (
        "Deploys an ARM template into a resource group, and shows its progress. Exit code 0: it has succeeded; 1: it was refused, or has "
        "failed; 2: it still runs after --timeout. Ctrl-C ends the watching only; the deployment goes on."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "template", metavar="TEMPLATE", help="a file, - for standard input, or an address of an allowed host"
        )
        parser.add_argument("--resource-group", "-g", required=True, metavar="RG")
        parser.add_argument("--parameters", "-p", action="append", default=[], metavar="FILE|NAME=VALUE")
        parser.add_argument("--name", help="of the deployment; that of the file where it is left out")
        parser.add_argument("--mode", choices=("incremental", "complete"), default="incremental")
        parser.add_argument("--validate", action="store_true", help="check it, and deploy nothing")
        parser.add_argument("--timeout", type=float, metavar="SECONDS", help="how long to watch")
        add_yes(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._deploy(options)
        except ArmError as error:
            raise CommandError(_said(error.body["error"])) from None

    def _deploy(self, options: dict[str, Any]) -> None:
        template = _document(options["template"])
        given: dict[str, Any] = {}
        for each in options["parameters"]:
            given |= _parameters(each, template)
        properties = {"mode": options["mode"], "template": template, "parameters": given}
        wanted, name = wanted_of({"properties": properties}), options["name"] or _name(options["template"])
        caller = Caller.of_actor(audit.actor(), HOST, is_https=True)
        group, now = options["resource_group"], timezone.now()
        if options["validate"] or wanted.mode == "Complete":
            plan = planned(caller, wanted, group, name, now)
            for each in plan.deletions:
                self.stdout.write(f"would delete {each['type']} {each['name']}")
            if options["validate"]:
                self.stdout.write(f"valid: {len(plan.resources)} resources")
                return
            _confirm(len(plan.deletions), options["yes"])
        row, _ = begin(caller, wanted, group, name, now)
        self._watch(row, options["timeout"])

    def _watch(self, row: Deployment, timeout: float | None) -> None:
        """Take it further, and say what changed, until it has ended."""
        seen: dict[int, str] = {}
        pause = threading.Event()
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            advance(row.pk)
            row.refresh_from_db()
            for operation in row.operations.all():
                if operation.state and seen.get(operation.pk) != operation.state:
                    seen[operation.pk] = operation.state
                    self.stdout.write(_line(operation))
            if row.ended_at is not None:
                self._end(row)
                return
            if until is not None and time.monotonic() > until:
                self.stderr.write(f"it still runs after {timeout:g} seconds, and goes on")
                sys.exit(2)
            pause.wait(LOOK_SECONDS)  # other processes take it further too

    def _end(self, row: Deployment) -> None:
        if row.state != Deployment.State.SUCCEEDED:
            raise CommandError(f"{row} has {row.state.lower()}. {_said(row.error or {})}")
        for name, output in row.outputs.items():
            self.stdout.write(f"output {name} = {json.dumps(output.get('value', '***'), ensure_ascii=False)}")
        self.stdout.write(f"{row} has succeeded")


def _document(source: str) -> Any:
    """Raises ArmError and CommandError."""
    return read_document(_text(source), source, "template")


def _text(source: str) -> str:
    if source.startswith(("https://", "http://")):
        return fetched(source, "template")
    try:
        return sys.stdin.read() if source == "-" else Path(source).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{source} cannot be read: {error}") from None


def _parameters(written: str, template: Any) -> dict[str, Any]:
    """Of a file, or of NAME=VALUE: JSON, or a text as it stands; what the template says is a string is one."""
    name, equals, value = written.partition("=")
    if not equals or Path(written).exists() or "/" in name:
        found = values_in(_document(written))
        if not isinstance(found, dict):
            raise CommandError(f"{written} has no parameters")
        return found
    declared = template.get("parameters", {}) if isinstance(template, dict) else {}
    kind = next((each.get("type", "") for each_name, each in declared.items() if each_name.lower() == name.lower()), "")
    if "string" in str(kind).lower():
        return {name: {"value": value}}
    try:
        return {name: {"value": json.loads(value)}}
    except ValueError:
        return {name: {"value": value}}


def _name(source: str) -> str:
    stem = Path(source.partition("?")[0]).stem
    kept = "".join(letter if letter.isalnum() or letter in "-_.()" else "-" for letter in stem)[:64]
    return kept.strip("-") or "template"


def _confirm(count: int, yes: bool) -> None:
    """Raises CommandError where nobody agrees that resources are deleted."""
    if not count or yes:
        return
    if not is_at_a_terminal():
        raise CommandError(f"the mode complete would delete {count} resources: add --yes")
    if input(f"delete these {count} resources, which the template does not name? [y/N] ").strip().lower() != "y":
        raise CommandError("nothing was done")


def _said(error: dict[str, Any]) -> str:
    return f"{error.get('code', 'DeploymentFailed')}: {' '.join(sentences(error))}"


def _line(operation: DeploymentOperation) -> str:
    verb = WORDS[operation.state]
    if operation.is_deletion:
        verb = {"deploying": "deleting", "deployed": "deleted"}.get(verb, verb)
    line = f"{verb:10} {operation.resource_type} {operation.resource_name}"
    return f"{line}: {_said(operation.error)}" if operation.error else line
