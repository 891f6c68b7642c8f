"""The page /wallboards/: which wallboard links there are, who reads with them, and making, changing, rotating and revoking them.

A token is in the answer to the request that made it, and nowhere else: not in the session, not in a redirect.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.forms import CharField, ChoiceField, Form, ModelMultipleChoiceField
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from dashboard import feed_clients, rights
from upgrades.commands.errors import Refused
from upgrades.commands.wallboard_links import MAX_NAME_LENGTH, change_link, create_link, revoke_link, rotate_link
from upgrades.models import ResourceGroup, ScaleSet, WallboardLink

MAX_REVOKED = 20  # shown, the latest
Made = tuple[WallboardLink, str]
Values = dict[str, Any]  # of the form, as lists and texts


class LinkForm(Form):
    name = CharField(
        max_length=MAX_NAME_LENGTH, error_messages={"required": _("Enter a name, such as where the wallboard hangs.")}
    )
    sees = ChoiceField(choices=[("all", "all"), ("some", "some")])
    groups = ModelMultipleChoiceField(ResourceGroup.objects.all(), to_field_name="key", required=False)
    scale_sets = ModelMultipleChoiceField(ScaleSet.objects.only("key", "name"), to_field_name="key", required=False)
    origins = CharField(required=False, max_length=4000)

    def clean(self) -> dict[str, Any]:
        """Refuse a scope without anything in it: for the command, nothing chosen means all."""
        given = self.cleaned_data
        if given.get("sees") == "some" and not (given.get("groups") or given.get("scale_sets")):
            self.add_error("sees", _("Choose at least one resource group or scale set."))
        return given

    def may(self) -> dict[str, list[str]]:
        given = self.cleaned_data
        is_some = given["sees"] == "some"
        keys = {name: [row.key for row in given[name]] if is_some else [] for name in ("groups", "scale_sets")}
        return {**keys, "origins": given["origins"].split()}


@dataclass(frozen=True, slots=True)
class Done:
    """What an act did: a link that was `made`, with its token; or one that was `changed`, and how it was `before`."""

    made: Made | None = None
    changed: WallboardLink | None = None
    before: Values | None = None


@require_safe
@login_required
def page(request: HttpRequest) -> HttpResponse:
    """With ?change=: the form has that link's values."""
    return _render(request, _changing(request.GET.get("change", "")))


@require_safe
def clients(request: HttpRequest) -> JsonResponse:
    """The numbers of clients by link, which the page asks for every few seconds; null where the broker does not answer."""
    if not request.user.is_authenticated:
        return JsonResponse({}, status=401)
    numbers = feed_clients.clients_now()
    return JsonResponse({"clients": numbers and dict(numbers)}, headers={"Cache-Control": "no-store"})


def act(right: str) -> Callable[[Callable[[HttpRequest], Done]], Callable[[HttpRequest], HttpResponse]]:
    """Make a view of a function that takes a POST of people with this right. The answer is the page, with the token if one was made.

    What was refused stands in the form again.
    """

    def decorate(handler: Callable[[HttpRequest], Done]) -> Callable[[HttpRequest], HttpResponse]:
        @require_POST
        @login_required
        @wraps(handler)
        def view(request: HttpRequest) -> HttpResponse:
            if not rights.has(request.user, right):
                return _render(request, problem=rights.RIGHTS[right].why_not, status=403)
            try:
                done = handler(request)
            except Refused as refusal:
                changing = _changing(request.POST.get("link", "")) if handler is _change else None
                return _render(request, changing, sent=request.POST, problem=refusal.sentence, status=409)
            return _render(request, done=done)

        return view

    return decorate


@act("make_links")
def create(request: HttpRequest) -> Done:
    form = _good_form(request)
    name = str(form.cleaned_data["name"])
    return Done(create_link(name, request.user.get_username(), timezone.now(), **form.may()))


def _change(request: HttpRequest) -> Done:
    row = _link(request)
    form = _good_form(request)
    before = _values(row)
    changed = change_link(row.name, new_name=str(form.cleaned_data["name"]), **form.may())
    return Done(changed=changed, before=before)


change = act("make_links")(_change)


@act("make_links")
def rotate(request: HttpRequest) -> Done:
    return Done(rotate_link(_link(request).name, timezone.now()))


@act("revoke_links")
def revoke(request: HttpRequest) -> Done:
    revoke_link(_link(request).name, timezone.now())
    return Done()


def _good_form(request: HttpRequest) -> LinkForm:
    form = LinkForm(request.POST)
    if not form.is_valid():
        raise Refused("InvalidParameter", _first_error(form))
    return form


def _values(row: WallboardLink) -> Values:
    """The form's values of a link."""
    sees = "all" if row.scope.sees_all else "some"
    keys = {"groups": row.groups, "scale_sets": row.scale_sets}
    return {"name": row.name, "sees": sees, "origins": "\n".join(row.origins), **keys}


def _sent(sent: QueryDict) -> Values:
    """The form's values as somebody has sent them."""
    words = {name: sent.get(name, "") for name in ("name", "sees", "origins")}
    return {**words, **{name: sent.getlist(name) for name in ("groups", "scale_sets")}}


def _changing(number: str) -> WallboardLink | None:
    return WallboardLink.objects.filter(pk=_number(number), revoked_at=None).first() if number else None


def _link(request: HttpRequest) -> WallboardLink:
    return get_object_or_404(WallboardLink, pk=_number(request.POST.get("link", "")))


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 18 else 0


def _first_error(form: Form) -> str:
    return str(next(iter(form.errors.values()))[0])


def _render(
    request: HttpRequest,
    changing: WallboardLink | None = None,
    *,
    done: Done | None = None,
    sent: QueryDict | None = None,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    numbers = feed_clients.clients_now()
    links = WallboardLink.objects.filter(revoked_at=None)
    context = {
        "page": "wallboards",
        "rows": [(row, None if numbers is None else numbers.get(row.pk, 0)) for row in links],
        "revoked": WallboardLink.objects.exclude(revoked_at=None).order_by("-revoked_at")[:MAX_REVOKED],
        "groups": ResourceGroup.objects.order_by("key"),
        "scale_sets": ScaleSet.objects.order_by("key").only("key"),
        "problem": problem,
        "changing": changing,
        "values": _sent(sent) if sent else _values(changing) if changing else {},
        "done": done,
        **(_shown_once(request, *done.made) if done and done.made else {}),
    }
    answer = render(request, "wallboards.html", context, status=status)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _shown_once(request: HttpRequest, link: WallboardLink, token: str) -> dict[str, Any]:
    return {"made": link, "token": token, "url": request.build_absolute_uri(reverse("wall", args=[token]))}
