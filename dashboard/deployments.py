"""The pages /deployments/: which there are, how far one is, and deploying a template from a file, an address or a link with ?template=.

A template that was read goes to the browser and comes back with the form. What must be asked before it is done (the mode Complete deletes)
goes there sealed: secrets were typed, and no page shows them again.
"""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth.decorators import login_required
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dashboard import rights
from dashboard.auditing import actor_of
from dashboard.deployment_forms import Field, fields_of, given_of
from upgrades.arm.deployments.bodies import Wanted, linked, read_document, wanted_of
from upgrades.arm.deployments.fetching import shown
from upgrades.arm.deployments.inner_calls import Caller
from upgrades.arm.deployments.plans import Plan
from upgrades.arm.deployments.sentences import sentences
from upgrades.arm.deployments.starting import begin, planned
from upgrades.arm.errors import ArmError
from upgrades.arm.template.errors import TemplateError
from upgrades.commands.deployments import cancel_deployment
from upgrades.commands.errors import Refused
from upgrades.models import Deployment, ResourceGroup
from upgrades.models.sealing import Unreadable, seal, unseal

MAX_SHOWN = 100
ASKED_FOR = timedelta(minutes=15)  # how long an answer to the question of the mode Complete is taken


@dataclass(slots=True)
class Draft:
    """What somebody is about to deploy. `link`: where the template was fetched, "" where it was uploaded."""

    text: str = ""
    link: str = ""
    template: Any = None
    fields: list[Field] = field(default_factory=list)
    group: str = ""
    name: str = ""
    mode: str = "Incremental"
    problems: list[str] = field(default_factory=list)


@require_safe
@login_required
def every(request: HttpRequest) -> HttpResponse:
    rows = Deployment.objects.defer("sealed_template", "sealed_parameters").order_by("-started_at")[:MAX_SHOWN]
    return render(request, "deployments.html", {"page": "deployments", "rows": rows})


@require_safe
@login_required
def one(request: HttpRequest, name: str, group: str = "") -> HttpResponse:
    """One deployment. The page asks for its part again every second while it is under way."""
    rows = Deployment.objects.defer("sealed_template", "sealed_parameters").prefetch_related("operations")
    row = rows.filter(key=Deployment.key_of(group, name)).first()
    if row is None:
        raise Http404(f"there is no deployment {name}")
    operations = [(each, sentences(each.error) if each.error else []) for each in row.operations.all()]
    problems = sentences(row.error) if row.error else []
    template = "parts/deployment.html" if request.headers.get("HX-Request") else "deployment.html"
    ended = sum(1 for each, _said in operations if each.state in ("Succeeded", "Failed", "Canceled"))
    context = {"page": "deployments", "row": row, "operations": operations, "problems": problems, "ended": ended}
    return render(request, template, {**context, "outputs": _outputs(row)})


def _outputs(row: Deployment) -> list[tuple[str, str]]:
    return [(name, _spelled(each)) for name, each in row.outputs.items()]


def _spelled(output: dict[str, Any]) -> str:
    if "value" not in output:
        return "***"
    value = output["value"]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)


@require_POST
@login_required
def cancel(request: HttpRequest, name: str, group: str = "") -> HttpResponse:
    if rights.has(request.user, "deploy"):
        with suppress(Refused):  # it has ended meanwhile, as the page says
            cancel_deployment(f"{group}/{name}" if group else name, timezone.now())
        return redirect(
            reverse("deployment", args=[group, name]) if group else reverse("deployment of subscription", args=[name])
        )
    return render(request, "403.html", status=403)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def new(request: HttpRequest) -> HttpResponse:
    """First where the template is (?template= names an address), then its parameters, then it is deployed."""
    draft = Draft()
    if not rights.has(request.user, "deploy"):
        draft.problems = [rights.RIGHTS["deploy"].why_not]
        return _form(request, draft, 403)
    try:
        if request.method != "POST":
            if address := request.GET.get("template", ""):
                _fetch(draft, address)
            return _form(request, draft)
        if sealed := request.POST.get("sealed", ""):
            return _confirmed(request, sealed)
        _read(request, draft)
        return _deploy(request, draft) if "group" in request.POST else _form(request, draft)
    except ArmError as error:
        draft.problems = sentences(error.body["error"])
    except TemplateError as error:
        draft.problems = [str(error)]
    except Refused as refusal:
        draft.problems = [refusal.sentence]
    return _form(request, draft, 409)


def _form(request: HttpRequest, draft: Draft, status: int = 200) -> HttpResponse:
    groups = ResourceGroup.objects.order_by("name").values_list("name", flat=True)
    context = {"page": "deployments", "draft": draft, "groups": groups, "host": urlsplit(draft.link).hostname or ""}
    return render(request, "deploy.html", context, status=status)


def _read(request: HttpRequest, draft: Draft) -> None:
    """The template of a POST: its text or its address. The browser reads a file itself. Raises ArmError and TemplateError."""
    if address := request.POST.get("address", "").strip():
        _fetch(draft, address)
        return
    draft.text, draft.link = request.POST.get("text", ""), request.POST.get("link", "")
    draft.name = _name_of(request.POST.get("file", ""))
    if not draft.text.strip():
        raise TemplateError(_("Choose a file, paste a template, or enter its address."))
    draft.template = read_document(draft.text, draft.link or _("the file"), "template")
    draft.fields = fields_of(draft.template, request.POST.dict())


def _fetch(draft: Draft, address: str) -> None:
    """Raises ArmError and TemplateError."""
    draft.link = shown(address)
    draft.template, _link = linked({"uri": address}, "template")
    draft.text, draft.name = json.dumps(draft.template, ensure_ascii=False), _name_of(urlsplit(address).path)
    draft.fields = fields_of(draft.template)


def _name_of(path: str) -> str:
    stem = path.rpartition("/")[2].removesuffix(".json")
    return "".join(letter if letter.isascii() and letter.isalnum() or letter in "-_." else "-" for letter in stem)[
        :64
    ].strip("-.")


def _deploy(request: HttpRequest, draft: Draft) -> HttpResponse:
    """Raises ArmError, TemplateError and Refused."""
    sent = request.POST
    draft.group, draft.name, draft.mode = (
        sent["group"].strip(),
        sent.get("name", "").strip(),
        sent.get("mode", "Incremental"),
    )
    if not draft.group or not draft.name:
        raise TemplateError(_("Enter a resource group and a name."))
    body = {"properties": {"mode": draft.mode, "template": draft.template, "parameters": given_of(draft.fields, sent)}}
    wanted = wanted_of(body)
    if wanted.mode == "Complete":
        plan = planned(_caller(request), wanted, draft.group, draft.name, timezone.now())
        if plan.deletions:
            return _ask(request, draft, body, plan)
    return _begin(request, wanted, draft.group, draft.name)


def _begin(request: HttpRequest, wanted: Wanted, group: str, name: str) -> HttpResponse:
    row, _is_new = begin(_caller(request), wanted, group, name, timezone.now())
    return redirect("deployment", group=row.resource_group, name=row.name)


def _caller(request: HttpRequest) -> Caller:
    return Caller.of_actor(actor_of(request), request.get_host(), is_https=request.is_secure())


def _ask(request: HttpRequest, draft: Draft, body: Any, plan: Plan) -> HttpResponse:
    """The question of the mode Complete: all that would be deleted, by name."""
    ids = [each["id"] for each in plan.deletions]
    sealed = seal({"body": body, "group": draft.group, "name": draft.name, "ids": ids, "user": str(request.user.pk)})
    context = {"page": "deployments", "draft": draft, "deletions": plan.deletions}
    return render(
        request, "deploy_complete.html", {**context, "sealed": signing.TimestampSigner(salt="deploy").sign(sealed)}
    )


def _confirmed(request: HttpRequest, sealed: str) -> HttpResponse:
    """Raises ArmError, TemplateError and Refused."""
    try:
        said: dict[str, Any] = unseal(signing.TimestampSigner(salt="deploy").unsign(sealed, max_age=ASKED_FOR))
        if said["user"] != str(request.user.pk):
            raise Unreadable
    except (signing.BadSignature, Unreadable, ValueError):
        raise TemplateError(_("The question is too old: begin again.")) from None
    wanted = wanted_of(said["body"])
    plan = planned(_caller(request), wanted, said["group"], said["name"], timezone.now())
    if {each["id"] for each in plan.deletions} - set(said["ids"]):
        return _ask(request, Draft(group=said["group"], name=said["name"]), said["body"], plan)
    return _begin(request, wanted, said["group"], said["name"])
