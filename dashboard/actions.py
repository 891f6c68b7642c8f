"""The actions of the pages: each POST calls one command. Answers are JSON: {said, undo?} or {error: {code, message}}.

The feed changes what a page shows, never these answers.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from django.forms import Form
from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from dashboard import rights
from dashboard.forms import (
    ApprovalForm,
    AutomaticForm,
    FleetStopForm,
    Ids,
    OptOutForm,
    PublishForm,
    UndoWithdrawalForm,
    WithdrawForm,
)
from upgrades.commands import approvals, fleet_stops, images, opt_outs, policies, steering, upgrades
from upgrades.commands.errors import Refused
from upgrades.core.facts import ImageReference
from upgrades.models import Batch, Instance, OptOut, RollingUpgrade, ScaleSet

PostHandler = Callable[..., dict[str, Any]]


def error(status: int, code: str, message: str) -> JsonResponse:
    return JsonResponse({"error": {"code": code, "message": message}}, status=status)


def not_signed_in() -> JsonResponse:
    return error(401, "NotSignedIn", _("You are signed out. Sign in again; nothing was changed."))


def action(right: str) -> Callable[[PostHandler], Callable[..., JsonResponse]]:
    """Make a view of a function: it takes POSTs of people with this right, and answers a refusal of the command as 409."""

    def decorate(handler: PostHandler) -> Callable[..., JsonResponse]:
        @require_POST
        @wraps(handler)
        def view(request: HttpRequest, *args: Any, **options: Any) -> JsonResponse:
            if not request.user.is_authenticated:
                return not_signed_in()
            if not rights.has(request.user, right):
                return error(403, "AuthorizationFailed", rights.RIGHTS[right].why_not)
            try:
                return JsonResponse(handler(request, *args, **options))
            except Refused as refusal:
                return error(409, refusal.code, refusal.sentence)

        return view

    return decorate


def read(form: Form) -> dict[str, Any]:
    """The cleaned data of a form. Raises Refused with the first error."""
    if not form.is_valid():
        field, problems = next(iter(form.errors.items()))
        raise Refused("InvalidParameter", str(problems[0]), target=field)
    return form.cleaned_data


def _by(request: HttpRequest) -> str:
    return request.user.get_username()


def named(rows: Sequence[Instance]) -> str:
    """The name of a single instance; otherwise how many they are."""
    if len(rows) == 1:
        return rows[0].name
    return ngettext("{count} instance", "{count} instances", len(rows)).format(count=len(rows))


@action("opt_out")
def opt_out(request: HttpRequest, group: str, name: str) -> dict[str, Any]:
    sent = read(OptOutForm(request.POST))
    scope = OptOut.Scope(sent["scope"])
    rows = opt_outs.opt_out(
        f"{group}/{name}",
        sent["ids"],
        reason=sent["reason"],
        owner=_by(request),
        now=timezone.now(),
        until=sent["until"] if scope is OptOut.Scope.UNTIL else None,
        scope=scope,
    )
    said = {"said": _("{instances} opted out.").format(instances=named(rows)), "fill": "out", "glyph": "opted-out"}
    if not rights.has(request.user, "opt_in"):
        return said
    return {**said, "undo": _undo("undo opt out", group, name, rows)}


@action("opt_in")
def undo_opt_out(request: HttpRequest, group: str, name: str) -> dict[str, Any]:
    sent = read(Ids(request.POST))
    rows = opt_outs.undo_opt_out(f"{group}/{name}", sent["ids"], by=_by(request), now=timezone.now())
    return {"said": _("Undone: {instances} as before.").format(instances=named(rows))}


@action("opt_in")
def opt_in(request: HttpRequest, group: str, name: str) -> dict[str, Any]:
    """End opt-outs. They still hold for some seconds (OPT_IN_DELAY), so that nothing begins in the time in which this can be undone."""
    sent = read(Ids(request.POST))
    now = timezone.now()
    rows = opt_outs.opt_in(f"{group}/{name}", sent["ids"], owner=_by(request), now=now, delay=opt_outs.OPT_IN_DELAY)
    if not rows:
        return {"said": _("Already opted in.")}
    said = _("{instances} opted in again. Nothing starts for {seconds} s.")
    said = said.format(instances=named(rows), seconds=opt_outs.OPT_IN_DELAY.seconds)
    return {"said": said, "undo": _undo("undo opt in", group, name, rows)}


@action("opt_in")
def undo_opt_in(request: HttpRequest, group: str, name: str) -> dict[str, Any]:
    sent = read(Ids(request.POST))
    rows = opt_outs.undo_opt_in(f"{group}/{name}", sent["ids"], by=_by(request), now=timezone.now())
    said = ngettext("Undone: {instances} stays opted out.", "Undone: {instances} stay opted out.", len(rows))
    said = said.format(instances=named(rows))
    return {"said": said, "fill": "out", "glyph": "opted-out"}


def _undo(view: str, group: str, name: str, rows: list[Instance]) -> dict[str, Any]:
    values = {"ids": ",".join(str(row.number) for row in rows)}
    return {"url": reverse(view, args=[group, name]), "values": values}


@action("steer")
def start(request: HttpRequest, group: str, name: str) -> dict[str, Any]:
    upgrade = upgrades.start(f"{group}/{name}", _by(request), timezone.now())
    said = _("Upgrade of {name} to {version} started.").format(name=name, version=upgrade.target_version)
    return {"said": said, "fill": "active", "glyph": "upgrading"}


@action("steer")
def start_unhealthy_first(request: HttpRequest, group: str, name: str) -> dict[str, Any]:
    upgrade = upgrades.start(f"{group}/{name}", _by(request), timezone.now(), unhealthy_first=True)
    said = _("Upgrade of {name} to {version} started, unhealthy instances first.")
    said = said.format(name=name, version=upgrade.target_version)
    return {"said": said, "fill": "active", "glyph": "upgrading"}


@action("steer")
def start_extensions(request: HttpRequest, group: str, name: str) -> dict[str, Any]:
    upgrades.start_extensions(f"{group}/{name}", _by(request), timezone.now())
    said = _("Extension upgrade of {name} started.").format(name=name)
    return {"said": said, "fill": "active", "glyph": "upgrading"}


@action("steer")
def retry_failed(request: HttpRequest, group: str, name: str) -> dict[str, Any]:
    upgrade = upgrades.start(f"{group}/{name}", _by(request), timezone.now(), only_failed=True)
    said = _("Retrying the instances of {name} that failed on {version}.")
    said = said.format(name=name, version=upgrade.target_version)
    return {"said": said, "fill": "active", "glyph": "upgrading"}


@action("steer")
def retry_now(request: HttpRequest, group: str, name: str) -> dict[str, Any]:
    upgrade = steering.retry_now(f"{group}/{name}", _by(request), timezone.now())
    if upgrade:
        said = _("Retrying the upgrade of {name} to {version}.").format(name=name, version=upgrade.target_version)
    else:
        said = _("Creating the missing instances of {name} again.").format(name=name)
    return {"said": said, "fill": "active", "glyph": "upgrading"}


@action("steer")
def pause(request: HttpRequest, group: str, name: str) -> dict[str, Any]:
    upgrade = steering.pause(f"{group}/{name}", _by(request), timezone.now())
    said = _("{name} is paused. No further batch starts.").format(name=name)
    if batch := _in_progress(upgrade):
        said = _("{name} will pause after batch {number}.").format(name=name, number=batch.number)
    undo = {"url": reverse("resume", args=[group, name]), "values": {}}
    return {"said": said, "fill": "waiting", "glyph": "held", "undo": undo}


@action("steer")
def resume(request: HttpRequest, group: str, name: str) -> dict[str, Any]:
    steering.resume(f"{group}/{name}", _by(request), timezone.now())
    said = _("Upgrade of {name} resumed.").format(name=name)
    return {"said": said, "fill": "active", "glyph": "upgrading"}


@action("steer")
def next_batch(request: HttpRequest, group: str, name: str) -> dict[str, Any]:
    steering.next_batch_now(f"{group}/{name}", _by(request), timezone.now())
    said = _("Starting the next batch of {name}.").format(name=name)
    return {"said": said, "fill": "active", "glyph": "upgrading"}


@action("steer")
def release(request: HttpRequest, group: str, name: str) -> dict[str, Any]:
    sent = read(Ids(request.POST))
    rows = steering.release(f"{group}/{name}", sent["ids"], by=_by(request), now=timezone.now())
    if not rows:
        return {"said": _("No instance is in quarantine any more.")}
    return {"said": _("{instances} released from quarantine.").format(instances=named(rows))}


@action("steer")
def approve(request: HttpRequest, group: str, name: str) -> dict[str, Any]:
    sent = read(ApprovalForm(request.POST))
    path, by = f"{group}/{name}", _by(request)
    approval = approvals.approve(path, sent["ids"], by=by, now=timezone.now(), version=sent["version"])
    if not approval.instances:
        said = _("No instance is waiting for approval of {version} any more.")
        return {"said": said.format(version=approval.version)}
    said = _("{instances} approved for {version}.")
    said = said.format(instances=named(approval.instances), version=approval.version)
    return {"said": said, "fill": "active", "glyph": "upgrading"}


@action("steer")
def withdraw_approval(request: HttpRequest, group: str, name: str) -> dict[str, Any]:
    sent = read(Ids(request.POST))
    rows = approvals.withdraw_approval(f"{group}/{name}", sent["ids"], by=_by(request), now=timezone.now())
    if not rows:
        return {"said": _("Too late: a batch has already started on them.")}
    return {"said": _("Approval of {instances} withdrawn.").format(instances=named(rows))}


@action("steer")
def cancel(request: HttpRequest, group: str, name: str) -> dict[str, Any]:
    upgrade = upgrades.cancel(f"{group}/{name}", _by(request), timezone.now())
    said = _("Upgrade of {name} cancelled.").format(name=name)
    if batch := _in_progress(upgrade):
        said = _("Cancelling the upgrade of {name} after batch {number}.")
        said = said.format(name=name, number=batch.number)
    return {"said": said, "fill": "waiting", "glyph": "held"}


def _in_progress(upgrade: RollingUpgrade) -> Batch | None:
    return upgrade.batches.filter(finished_at=None).first() if upgrade.ended_at is None else None


@action("steer")
def automatic(request: HttpRequest, group: str, name: str) -> dict[str, Any]:
    on = read(AutomaticForm(request.POST))["on"]
    policies.change_policy(f"{group}/{name}", {"automatic_upgrade": on}, timezone.now())
    text = _("Automatic upgrades of {name} are on.") if on else _("Automatic upgrades of {name} are off.")
    said = {"said": text.format(name=name)}
    if RollingUpgrade.objects.filter(scale_set__key=ScaleSet.key_of(group, name), ended_at=None).exists():
        return said  # no undo: it would not bring back an upgrade that stops, nor stop one that begins
    undo = {"url": request.path, "values": {"on": "false" if on else "true"}}
    return {**said, "undo": undo}


@action("publish")
def publish(request: HttpRequest) -> dict[str, Any]:
    sent = read(PublishForm(request.POST))
    reference = reference_of(sent)
    followers = images.publish_image(reference, timezone.now(), locations=sent["locations"])
    count = len(followers)
    who = ngettext("{count} scale set follows this image.", "{count} scale sets follow this image.", count)
    who = who.format(count=count) if count else _("No scale set follows this image.")
    return {"said": _("{version} is published. {who}").format(version=sent["version"], who=who)}


def reference_of(sent: dict[str, Any]) -> ImageReference:
    publisher, offer, sku = [*sent["sku"].split(":"), "", "", ""][:3]
    return ImageReference(publisher, offer, sku, sent["version"])


@action("publish")
def withdraw_image(request: HttpRequest) -> dict[str, Any]:
    sent = read(WithdrawForm(request.POST))
    found = images.withdraw_image(reference_of(sent), timezone.now(), by=_by(request), reason=sent["reason"])
    if not found.changed:
        said = _("{version} was already withdrawn by {name}.")
        return {"said": said.format(version=found.row.version, name=found.row.withdrawn_by)}
    count = len(found.scale_sets)
    who = ngettext("{count} scale set is affected.", "{count} scale sets are affected.", count)
    who = who.format(count=count) if count else _("No scale set uses it.")
    said = _("{version} is withdrawn. {who}").format(version=found.row.version, who=who)
    undo = {"url": reverse("undo withdrawal"), "values": {"sku": sent["sku"], "version": sent["version"]}}
    return {"said": said, "fill": "attention", "glyph": "held", "undo": undo}


@action("publish")
def undo_withdrawal(request: HttpRequest) -> dict[str, Any]:
    sent = read(UndoWithdrawalForm(request.POST))
    found = images.undo_withdrawal(reference_of(sent), timezone.now(), by=_by(request))
    said = _("{version} is restored.") if found.changed else _("{version} was not withdrawn.")
    return {"said": said.format(version=found.row.version)}


@action("stop_fleet")
def stop_fleet(request: HttpRequest) -> dict[str, Any]:
    sent = read(FleetStopForm(request.POST))
    fleet_stops.stop_fleet(reason=sent["reason"], owner=_by(request), now=timezone.now(), until=sent["until"])
    said = {"said": _("All automatic upgrades are stopped."), "fill": "attention", "glyph": "fleet-stop"}
    if not rights.has(request.user, "end_fleet_stop"):
        return said
    return {**said, "undo": {"url": reverse("end fleet stop"), "values": {}}}


@action("end_fleet_stop")
def end_fleet_stop(request: HttpRequest) -> dict[str, Any]:
    fleet_stops.end_fleet_stop(by=_by(request), now=timezone.now())
    return {"said": _("Automatic upgrades resumed.")}
