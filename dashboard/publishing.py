"""What publishing a version would do, for the page to say beforehand (static/js/confirm.js)."""

from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from dashboard import rights
from dashboard.actions import error, not_signed_in, read, reference_of
from dashboard.forms import PublishForm
from upgrades.commands.errors import Refused
from upgrades.commands.images import would_publish
from upgrades.core.sentences import shaped


@require_safe
def would(request: HttpRequest) -> JsonResponse:
    if not request.user.is_authenticated:
        return not_signed_in()
    if not rights.has(request.user, "publish"):
        return error(403, "AuthorizationFailed", rights.RIGHTS["publish"].why_not)
    try:
        sent = read(PublishForm(request.GET))
        found = would_publish(reference_of(sent), locations=sent["locations"])
    except Refused as refusal:
        return error(409, refusal.code, refusal.message)
    values = {"sku": sent["sku"], "version": sent["version"], "locations": ",".join(sent["locations"])}
    return JsonResponse(
        {
            "title": _("Publish {version}?").format(version=sent["version"]),
            "word": _("Publish"),
            "says": [shaped(sentence) for sentence in found.says],
            "possible": True,
            "why": shaped(""),
            "asks": True,
            "url": reverse("publish"),
            "values": values,
            "held": [],
            "opt_outs": [],
            "batches": [],
            "more": 0,
            "lasts": None,
            "back": _("Cancel"),
        }
    )
