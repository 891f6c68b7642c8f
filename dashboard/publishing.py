"""What publishing a version or restoring a withdrawn one would do, for the page to say beforehand (static/js/confirm.js)."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from dashboard import rights
from dashboard.actions import error, not_signed_in, read, reference_of
from dashboard.forms import PublishForm, UndoWithdrawalForm
from upgrades.commands.errors import Refused
from upgrades.commands.images import find_version, preview_publication, preview_undo_withdrawal
from upgrades.core.sentences import sentence_shape

Answering = Callable[[HttpRequest], dict[str, Any]]


def _question(answer: Answering) -> Callable[[HttpRequest], JsonResponse]:
    """Make a view of a function: it answers people who may publish, and a refusal of the command as 409."""

    @require_safe
    @wraps(answer)
    def view(request: HttpRequest) -> JsonResponse:
        if not request.user.is_authenticated:
            return not_signed_in()
        if not rights.has(request.user, "publish"):
            return error(403, "AuthorizationFailed", rights.RIGHTS["publish"].why_not)
        try:
            return JsonResponse(answer(request))
        except Refused as refusal:
            return error(409, refusal.code, refusal.sentence)

    return view


@_question
def would_publish_it(request: HttpRequest) -> dict[str, Any]:
    sent = read(PublishForm(request.GET))
    found = preview_publication(reference_of(sent), locations=sent["locations"])
    values = {"sku": sent["sku"], "version": sent["version"], "locations": ",".join(sent["locations"])}
    says: list[str] = [*found.sentences]
    if sent["locations"]:
        says.insert(0, _("Only in: {locations}.").format(locations=", ".join(sent["locations"])))
    title = _("Publish {version} of {sku}?").format(version=sent["version"], sku=sent["sku"])
    return _asking(title, _("Publish"), says, reverse("publish"), values)


@_question
def would_restore(request: HttpRequest) -> dict[str, Any]:
    sent = read(UndoWithdrawalForm(request.GET))
    reference = reference_of(sent)
    says: list[str] = [*preview_undo_withdrawal(reference).sentences]
    if withdrawal := find_version(reference).withdrawal:
        says.insert(0, _("Withdrawn by {name}: {reason}").format(name=withdrawal.by, reason=withdrawal.reason))
    title = _("Restore {version} of {sku}?").format(**sent)
    return _asking(title, _("Restore"), says, reverse("undo withdrawal"), sent)


def _asking(title: str, word: str, says: Sequence[str], url: str, values: dict[str, Any]) -> dict[str, Any]:
    return {
        "title": title,
        "word": word,
        "says": [sentence_shape(sentence) for sentence in says],
        "possible": True,
        "why": sentence_shape(""),
        "asks": True,
        "url": url,
        "values": values,
        "held": [],
        "opt_outs": [],
        "batches": [],
        "more": 0,
        "lasts": None,
        "back": _("Cancel"),
    }
