"""The actions of the pages: each POST calls one command. Answers are JSON: {said, undo?} or {error: {code, message}}.

The feed changes what a page shows, never these answers.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.forms import Form
from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.utils import timezone
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

Action = Callable[..., dict[str, Any]]


def error(status: int, code: str, message: str) -> JsonResponse:
    return JsonResponse({"error": {"code": code, "message": message}}, status=status)


def action(right: str) -> Callable[[Action], Callable[..., JsonResponse]]:
    """Make a view of a function: it takes POSTs of people with this right, and answers a refusal of the command as 409."""

    def decorate(do: Action) -> Callable[..., JsonResponse]:
        @require_POST
        @wraps(do)
        def view(request: HttpRequest, *args: Any, **options: Any) -> JsonResponse:
            if not request.user.is_authenticated:
                return error(401, "NotSignedIn", "You are signed out. Sign in again; nothing was changed.")
            if not rights.has(request.user, right):
                return error(403, "AuthorizationFailed", rights.RIGHTS[right].why_not)
            try:
                return JsonResponse(do(request, *args, **options))
            except Refused as refusal:
                return error(409, refusal.code, refusal.message)

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


def _named(rows: list[Instance]) -> str:
    return rows[0].name if len(rows) == 1 else f"{len(rows)} instances"


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
    said = {"said": f"{_named(rows)} opted out.", "fill": "out", "glyph": "opted-out"}
    if not rights.has(request.user, "opt_in"):
        return said
    return {**said, "undo": _undo("undo opt out", group, name, rows)}


@action("opt_in")
def undo_opt_out(request: HttpRequest, group: str, name: str) -> dict[str, Any]:
    sent = read(Ids(request.POST))
    rows = opt_outs.undo_opt_out(f"{group}/{name}", sent["ids"], by=_by(request), now=timezone.now())
    return {"said": f"Undone: {_named(rows)} as before."}


@action("opt_in")
def opt_in(request: HttpRequest, group: str, name: str) -> dict[str, Any]:
    """End opt-outs. They still hold for some seconds (UNDO_FOR), so that nothing begins in the time in which this can be undone."""
    sent = read(Ids(request.POST))
    now = timezone.now()
    rows = opt_outs.opt_in(f"{group}/{name}", sent["ids"], owner=_by(request), now=now, after=opt_outs.UNDO_FOR)
    if not rows:
        return {"said": "Already opted in."}
    said = f"{_named(rows)} opted in again. Nothing begins for {opt_outs.UNDO_FOR.seconds} s."
    return {"said": said, "undo": _undo("undo opt in", group, name, rows)}


@action("opt_in")
def undo_opt_in(request: HttpRequest, group: str, name: str) -> dict[str, Any]:
    sent = read(Ids(request.POST))
    rows = opt_outs.undo_opt_in(f"{group}/{name}", sent["ids"], by=_by(request), now=timezone.now())
    said = f"Undone: {_named(rows)} {'stays' if len(rows) == 1 else 'stay'} opted out as before."
    return {"said": said, "fill": "out", "glyph": "opted-out"}


def _undo(view: str, group: str, name: str, rows: list[Instance]) -> dict[str, Any]:
    values = {"ids": ",".join(str(row.number) for row in rows)}
    return {"url": reverse(view, args=[group, name]), "values": values}


@action("steer")
def start(request: HttpRequest, group: str, name: str) -> dict[str, Any]:
    upgrade = upgrades.start(f"{group}/{name}", _by(request), timezone.now())
    return {"said": f"Upgrade of {name} to {upgrade.target_version} started.", "fill": "active", "glyph": "upgrading"}


@action("steer")
def start_unhealthy_first(request: HttpRequest, group: str, name: str) -> dict[str, Any]:
    upgrade = upgrades.start(f"{group}/{name}", _by(request), timezone.now(), unhealthy_first=True)
    said = f"Upgrade of {name} to {upgrade.target_version} started, unhealthy instances first."
    return {"said": said, "fill": "active", "glyph": "upgrading"}


@action("steer")
def start_extensions(request: HttpRequest, group: str, name: str) -> dict[str, Any]:
    upgrades.start_extensions(f"{group}/{name}", _by(request), timezone.now())
    return {"said": f"Extension upgrade of {name} started.", "fill": "active", "glyph": "upgrading"}


@action("steer")
def retry_failed(request: HttpRequest, group: str, name: str) -> dict[str, Any]:
    upgrade = upgrades.start(f"{group}/{name}", _by(request), timezone.now(), only_failed=True)
    said = f"Retrying the instances of {name} that failed on {upgrade.target_version}."
    return {"said": said, "fill": "active", "glyph": "upgrading"}


@action("steer")
def retry_now(request: HttpRequest, group: str, name: str) -> dict[str, Any]:
    upgrade = steering.retry_now(f"{group}/{name}", _by(request), timezone.now())
    what = f"the upgrade of {name} to {upgrade.target_version}" if upgrade else f"the missing instances of {name}"
    said = f"Retrying {what} now."
    return {"said": said, "fill": "active", "glyph": "upgrading"}


@action("steer")
def pause(request: HttpRequest, group: str, name: str) -> dict[str, Any]:
    upgrade = steering.pause(f"{group}/{name}", _by(request), timezone.now())
    said = f"{name} is paused. No further batch starts."
    if batch := _in_progress(upgrade):
        said = f"{name} will pause after batch {batch.number}."
    undo = {"url": reverse("resume", args=[group, name]), "values": {}}
    return {"said": said, "fill": "waiting", "glyph": "held", "undo": undo}


@action("steer")
def resume(request: HttpRequest, group: str, name: str) -> dict[str, Any]:
    steering.resume(f"{group}/{name}", _by(request), timezone.now())
    return {"said": f"Upgrade of {name} resumed.", "fill": "active", "glyph": "upgrading"}


@action("steer")
def next_batch(request: HttpRequest, group: str, name: str) -> dict[str, Any]:
    steering.next_batch_now(f"{group}/{name}", _by(request), timezone.now())
    return {"said": f"Starting the next batch of {name}.", "fill": "active", "glyph": "upgrading"}


@action("steer")
def release(request: HttpRequest, group: str, name: str) -> dict[str, Any]:
    sent = read(Ids(request.POST))
    rows = steering.release(f"{group}/{name}", sent["ids"], by=_by(request), now=timezone.now())
    return {"said": f"{_named(rows)} released." if rows else "No instance is in quarantine any more."}


@action("steer")
def approve(request: HttpRequest, group: str, name: str) -> dict[str, Any]:
    sent = read(ApprovalForm(request.POST))
    path, by = f"{group}/{name}", _by(request)
    approval = approvals.approve(path, sent["ids"], by=by, now=timezone.now(), version=sent["version"])
    if not approval.instances:
        return {"said": f"No instance is waiting for approval of {approval.version} any more."}
    said = f"{_named(approval.instances)} approved for {approval.version}."
    return {"said": said, "fill": "active", "glyph": "upgrading"}


@action("steer")
def withdraw_approval(request: HttpRequest, group: str, name: str) -> dict[str, Any]:
    sent = read(Ids(request.POST))
    rows = approvals.withdraw_approval(f"{group}/{name}", sent["ids"], by=_by(request), now=timezone.now())
    return {
        "said": f"Approval of {_named(rows)} withdrawn." if rows else "Too late: a batch has already started on them."
    }


@action("steer")
def cancel(request: HttpRequest, group: str, name: str) -> dict[str, Any]:
    upgrade = upgrades.cancel(f"{group}/{name}", _by(request), timezone.now())
    said = f"The upgrade of {name} is cancelled."
    if batch := _in_progress(upgrade):
        said = f"Cancelling the upgrade of {name} after batch {batch.number}."
    return {"said": said, "fill": "waiting", "glyph": "held"}


def _in_progress(upgrade: RollingUpgrade) -> Batch | None:
    return upgrade.batches.filter(finished_at=None).first() if upgrade.ended_at is None else None


@action("steer")
def automatic(request: HttpRequest, group: str, name: str) -> dict[str, Any]:
    on = read(AutomaticForm(request.POST))["on"]
    policies.change_policy(f"{group}/{name}", {"automatic_upgrade": on}, timezone.now())
    said = {"said": f"Automatic upgrades of {name} are {'on' if on else 'off'}."}
    if RollingUpgrade.objects.filter(scale_set__key=ScaleSet.key_of(group, name), ended_at=None).exists():
        return said  # no undo: it would not bring back an upgrade that stops, nor stop one that begins
    undo = {"url": request.path, "values": {"on": "false" if on else "true"}}
    return {**said, "undo": undo}


@action("publish")
def publish(request: HttpRequest) -> dict[str, Any]:
    sent = read(PublishForm(request.POST))
    reference = reference_of(sent)
    followers = images.publish_image(reference, timezone.now(), locations=sent["locations"])
    who = {0: "No scale set follows this image.", 1: "1 scale set follows this image."}
    return {
        "said": f"{sent['version']} is published. {who.get(len(followers), f'{len(followers)} scale sets follow this image.')}"
    }


def reference_of(sent: dict[str, Any]) -> ImageReference:
    publisher, offer, sku = [*sent["sku"].split(":"), "", "", ""][:3]
    return ImageReference(publisher, offer, sku, sent["version"])


@action("publish")
def withdraw_image(request: HttpRequest) -> dict[str, Any]:
    sent = read(WithdrawForm(request.POST))
    found = images.withdraw_image(reference_of(sent), timezone.now(), by=_by(request), reason=sent["reason"])
    if not found.is_news:
        return {"said": f"{found.row.version} was already withdrawn by {found.row.withdrawn_by}."}
    who = {0: "No scale set uses it.", 1: "1 scale set is affected."}
    said = who.get(len(found.scale_sets), f"{len(found.scale_sets)} scale sets are affected.")
    undo = {"url": reverse("undo withdrawal"), "values": {"sku": sent["sku"], "version": sent["version"]}}
    return {"said": f"{found.row.version} is withdrawn. {said}", "fill": "attention", "glyph": "held", "undo": undo}


@action("publish")
def undo_withdrawal(request: HttpRequest) -> dict[str, Any]:
    sent = read(UndoWithdrawalForm(request.POST))
    found = images.undo_withdrawal(reference_of(sent), timezone.now(), by=_by(request))
    return {"said": f"{found.row.version} {'is restored' if found.is_news else 'was not withdrawn'}."}


@action("stop_fleet")
def stop_fleet(request: HttpRequest) -> dict[str, Any]:
    sent = read(FleetStopForm(request.POST))
    fleet_stops.stop_fleet(reason=sent["reason"], owner=_by(request), now=timezone.now(), until=sent["until"])
    said = {"said": "All automatic upgrades are stopped.", "fill": "attention", "glyph": "cord"}
    if not rights.has(request.user, "end_fleet_stop"):
        return said
    return {**said, "undo": {"url": reverse("end fleet stop"), "values": {}}}


@action("end_fleet_stop")
def end_fleet_stop(request: HttpRequest) -> dict[str, Any]:
    fleet_stops.end_fleet_stop(by=_by(request), now=timezone.now())
    return {"said": "Automatic upgrades resumed."}
