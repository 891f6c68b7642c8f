"""GET .../would/ACTION/: what would happen if a person did ACTION now, so that the page can say it beforehand.

The plan is the engine's own, run forward on the facts as they would be then (core/what_if.py). Answers are JSON: {possible, why, asks,
title, says: [sentence], changes: [...], held: [sentence], opt_outs: [...], batches: [...], lasts: [seconds] or null, word, url, values}.
`changes`: what changes in the image, {says: sentence, packages: [name, before, after], more: how many others}. `asks`: the page asks
first, since what begins could not be undone; where it is false the page does it at once. A sentence is one of core/sentences.py, which the
page says in its own language; texts without a key are in that language already.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from django.http import Http404, HttpRequest, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from dashboard import rights
from dashboard.actions import error, named, not_signed_in
from upgrades import plans
from upgrades.commands.errors import Refused
from upgrades.commands.opt_outs import OPT_IN_DELAY, find_instances
from upgrades.core import consequences, documents, what_if
from upgrades.core.actions import Action
from upgrades.core.extensions import key_of_model
from upgrades.core.facts import Facts
from upgrades.core.image_contents import ImageChanges, package_changes, sentence_of_changes
from upgrades.core.instants import iso
from upgrades.core.ranges import ranges
from upgrades.core.sentences import sentence_shape
from upgrades.models import Instance, OptOut, ScaleSet
from upgrades.models.fleet_stop import open_fleet_stop
from upgrades.models.instance import in_force
from upgrades.orchestrator.observe import observe, possible_actions

SHOWN_BATCHES = 6
MAX_PACKAGES = 200  # named in a dialog


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asks about: the scale set with its facts, the chosen instances (`rows`), and what the page sent."""

    row: ScaleSet
    facts: Facts
    now: datetime
    by: str
    rows: Sequence[Instance]
    sent: dict[str, str]

    @property
    def ids(self) -> Collection[int]:
        return {row.number for row in self.rows}

    @property
    def named(self) -> str:
        return named(self.rows)

    @property
    def target(self) -> str:
        if self.facts.upgrade:
            return self.facts.upgrade.target.version or _("the extensions of the model")
        return self.facts.latest_image.version if self.facts.latest_image else ""


@dataclass(frozen=True, slots=True)
class Consequence:
    """What an action would bring. `change`: makes of the facts what they would be then; None where no plan is shown.

    `view`: the name of the URL that the action is posted to. `action`: tells whether it is possible now; None: it always is.
    """

    title: str
    word: str
    view: str
    change: Callable[[Facts], Facts] | None = None
    says: tuple[str, ...] = ()
    asks: bool = True
    action: Action | None = None
    values: dict[str, str] = field(default_factory=dict)
    opt_outs: tuple[dict[str, Any], ...] = ()
    back: str = ""


@require_safe
def of_scale_set(request: HttpRequest, group: str, name: str, action: str) -> JsonResponse:
    consider = CONSIDERED.get(action)
    if consider is None:
        raise Http404(f"there is no action {action!r}")
    if refused := _refused(request, "opt_in" if action == "opt_in" else "steer"):
        return refused
    now, row = timezone.now(), get_object_or_404(ScaleSet, key=ScaleSet.key_of(group, name))
    sent = {key: str(value) for key, value in request.GET.items()}
    try:
        rows = find_instances(row, sent["ids"].split(",")) if sent.get("ids") else []
    except Refused as refusal:
        return error(409, refusal.code, refusal.sentence)
    facts = observe(row.pk, now).facts
    asked = Asked(row, facts, now, request.user.get_username(), rows, sent)
    return JsonResponse(_rendered(asked, consider(asked)))


@require_safe
def of_ending_the_fleet_stop(request: HttpRequest) -> JsonResponse:
    if refused := _refused(request, "end_fleet_stop"):
        return refused
    stop = open_fleet_stop()
    says: list[str] = [*consequences.of_ending_the_fleet_stop(plans.count_waiting_for_fleet_stop())]
    if stop and stop.owner != request.user.get_username():
        says.insert(0, _("Stopped by {name}: {reason}").format(name=stop.owner, reason=stop.reason))
    why = "" if stop else _("Automatic upgrades are not stopped.")
    return JsonResponse(
        {
            **_shown(_("Resume all automatic upgrades?"), _("Resume automatic upgrades"), says),
            "possible": stop is not None,
            "why": sentence_shape(why),
            "url": reverse("end fleet stop"),
            "values": {},
        }
    )


def _refused(request: HttpRequest, right: str) -> JsonResponse | None:
    if not request.user.is_authenticated:
        return not_signed_in()
    if not rights.has(request.user, right):
        return error(403, "AuthorizationFailed", rights.RIGHTS[right].why_not)
    return None


def _shown(title: str, word: str, says: Sequence[str]) -> dict[str, Any]:
    nothing = {
        "changes": [],
        "held": [],
        "opt_outs": [],
        "batches": [],
        "more": 0,
        "lasts": None,
        "asks": True,
        "back": _("Cancel"),
    }
    return {"title": title, "word": word, "says": [sentence_shape(sentence) for sentence in says], **nothing}


def _rendered(asked: Asked, found: Consequence) -> dict[str, Any]:
    why = possible_actions(asked.row, asked.facts, asked.now)[found.action] if found.action else ""
    url = reverse(found.view, args=[asked.row.resource_group, asked.row.name])
    shown = _shown(found.title, found.word, found.says)
    shown |= {"possible": not why, "why": sentence_shape(why), "asks": found.asks, "url": url, "values": found.values}
    shown |= {"opt_outs": list(found.opt_outs), "back": found.back or _("Cancel")}
    if found.change and not why:
        _add_plan(shown, asked, found.change)
    return shown


def _add_plan(shown: dict[str, Any], asked: Asked, change: Callable[[Facts], Facts]) -> None:
    plan = plans.plan_from(asked.row, change(asked.facts), asked.now)
    batches = consequences.batches_that_follow(plan)
    shown["says"] += map(sentence_shape, consequences.of_plan(asked.facts, plan))
    shown["changes"] = [_changes(each) for each in plans.image_changes(asked.row, plan.target if batches else "")]
    shown["held"] = [sentence_shape(block.text) for block in plan.blocks]
    shown["batches"] = [
        {
            "number": batch.number,
            "count": len(batch.instances),
            "instances": ranges(batch.instances),
            "zones": list(batch.zones),
        }
        for batch in batches[:SHOWN_BATCHES]
    ]
    shown["more"] = max(0, len(batches) - SHOWN_BATCHES)
    if len(batches) == len(plan.batches) > 0 and plan.earliest is not None and plan.latest is not None:
        shown["lasts"] = [plan.earliest.total_seconds(), plan.latest.total_seconds()]


def _changes(changes: ImageChanges) -> dict[str, Any]:
    """What changes in the image: a sentence, and rows of [package, version before, version after], "" where it is not there."""
    rows = package_changes(changes)
    more = max(0, len(rows) - MAX_PACKAGES)
    return {"says": sentence_shape(sentence_of_changes(changes)), "packages": rows[:MAX_PACKAGES], "more": more}


# --- each action ------------------------------------------------------------------------------------------------------


def _starting(
    action: Action,
    view: str,
    title: Promise,
    word: Promise,
    change: Callable[[Facts], Facts] = what_if.with_upgrade_started,
) -> Callable[[Asked], Consequence]:
    def consider(asked: Asked) -> Consequence:
        name = str(title).format(name=asked.row.name, target=asked.target)
        return Consequence(name, str(word), view, change, consequences.of_starting(asked.facts), action=action)

    return consider


def _extensions(asked: Asked) -> Consequence:
    extensions = key_of_model(documents.read(asked.row.document).machine.extensions)
    change = partial(what_if.with_extension_upgrade_started, extensions=extensions)
    title = _("Upgrade the extensions of {name}?").format(name=asked.row.name)
    word, says = _("Upgrade extensions"), (_("OS disks are not changed."), *consequences.of_starting(asked.facts))
    return Consequence(title, word, "start extensions", change, says, action=Action.EXTENSIONS)


def _retry(asked: Asked) -> Consequence:
    title = _("Retry the upgrade of {name} now?").format(name=asked.row.name)
    says = consequences.of_retrying(asked.facts)
    return Consequence(title, _("Retry now"), "retry", what_if.with_wait_skipped, says, action=Action.RETRY)


def _resume(asked: Asked) -> Consequence:
    says = consequences.of_resuming(asked.facts)
    title = _("Resume the upgrade of {name}?").format(name=asked.row.name)
    return Consequence(title, _("Resume"), "resume", what_if.with_pause_ended, says, action=Action.RESUME)


def _next_batch(asked: Asked) -> Consequence:
    title = _("Start the next batch of {name} now?").format(name=asked.row.name)
    says = (_("The pause between batches is skipped once."),)
    return Consequence(
        title, _("Next batch now"), "next batch", what_if.with_pause_skipped, says, action=Action.NEXT_BATCH
    )


def _cancel(asked: Asked) -> Consequence:
    says = consequences.of_cancelling(asked.facts)
    title = _("Cancel the upgrade of {name} to {target}?").format(name=asked.row.name, target=asked.target)
    word, back = _("Cancel upgrade"), _("Keep it running")
    return Consequence(title, word, "cancel", None, says, action=Action.CANCEL, back=back)


def _approve(asked: Asked) -> Consequence:
    version = asked.sent.get("version", "")
    change = partial(what_if.with_approval, ids=asked.ids, version=version)
    values = {"ids": asked.sent.get("ids", ""), "version": version}
    title = _("Approve {instances} for {version}?").format(instances=asked.named, version=version)
    return Consequence(title, _("Approve"), "approve", change, action=Action.APPROVE, values=values)


def _release(asked: Asked) -> Consequence:
    values = {"ids": asked.sent.get("ids", "")}
    change = partial(what_if.with_quarantine_ended, ids=asked.ids)
    says = (ngettext("Its failures so far are forgotten.", "Their failures so far are forgotten.", len(asked.rows)),)
    title = _("Release {instances} from quarantine?").format(instances=asked.named)
    return Consequence(title, _("Release"), "release", change, says, action=Action.RELEASE, values=values)


def _opt_in(asked: Asked) -> Consequence:
    """Ending an opt-out. The page asks only where it is somebody else's; one's own holds for some seconds more, and can be kept."""
    held = in_force(asked.now).filter(instance__in=asked.rows).select_related("instance").order_by("instance__number")
    others = any(opt_out.owner != asked.by for opt_out in held)
    says = ngettext(
        "The opt-out ends in {seconds} s. You can undo it until then.",
        "The opt-outs end in {seconds} s. You can undo it until then.",
        len(held),
    )
    return Consequence(
        _("Opt {instances} in again?").format(instances=asked.named),
        _("Opt in again"),
        "opt in",
        partial(what_if.with_opt_outs_ended, ids=asked.ids),
        (says.format(seconds=OPT_IN_DELAY.seconds),),
        asks=others,
        values={"ids": asked.sent.get("ids", "")},
        opt_outs=tuple(_opt_out(opt_out) for opt_out in held),
    )


def _opt_out(row: OptOut) -> dict[str, Any]:
    until = iso(row.until)
    return {"name": row.instance.name, "owner": row.owner, "reason": row.reason, "scope": row.scope, "until": until}


def _automatic(asked: Asked) -> Consequence:
    on = asked.sent.get("on") == "true"
    values = {"on": "true" if on else "false"}
    if on:
        change = partial(what_if.with_automatic_upgrades, on=True)
        title = _("Turn automatic upgrades of {name} on?").format(name=asked.row.name)
        begins = bool(plans.plan_from(asked.row, change(asked.facts), asked.now).batches)
        return Consequence(title, _("Turn on"), "automatic", change, asks=begins, values=values)
    says = consequences.of_turning_automatic_off(asked.facts)
    title = _("Turn automatic upgrades of {name} off?").format(name=asked.row.name)
    return Consequence(title, _("Turn off"), "automatic", None, says, asks=bool(says), values=values)


CONSIDERED: dict[str, Callable[[Asked], Consequence]] = {
    "start": _starting(
        Action.START, "start", gettext_lazy("Upgrade {name} to {target}?"), gettext_lazy("Start upgrade")
    ),
    "start_unhealthy_first": _starting(
        Action.START_UNHEALTHY_FIRST,
        "start unhealthy first",
        gettext_lazy("Upgrade {name} to {target}, unhealthy instances first?"),
        gettext_lazy("Start upgrade"),
        partial(what_if.with_upgrade_started, unhealthy_first=True),
    ),
    "retry_failed": _starting(
        Action.RETRY_FAILED,
        "retry failed",
        gettext_lazy("Retry the failed instances of {name} with {target}?"),
        gettext_lazy("Retry failed"),
        partial(what_if.with_upgrade_started, only_failed=True),
    ),
    "start_extensions": _extensions,
    "retry_now": _retry,
    "resume": _resume,
    "next_batch_now": _next_batch,
    "cancel": _cancel,
    "approve": _approve,
    "release": _release,
    "opt_in": _opt_in,
    "automatic": _automatic,
}
