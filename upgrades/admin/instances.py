"""Instances: opting them out and in, and their release from quarantine."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import groupby
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from upgrades.admin.base import MAX_SHOWN, MomentField, ReadOnlyAdmin, ask, each, name_of, now, without_documents
from upgrades.commands.opt_outs import MAX_REASON_LENGTH, opt_in, opt_out, opt_out_text
from upgrades.commands.steering import release
from upgrades.models import Instance, OptOut
from upgrades.models.instance import in_force


class OptOutForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=MAX_REASON_LENGTH,
        widget=forms.TextInput(attrs={"size": 60, "autofocus": True}),
    )
    until = MomentField(label=gettext_lazy("Until"), empty=gettext_lazy("Empty: for 14 days."))
    for_ever = forms.BooleanField(label=gettext_lazy("Without an end"), required=False)


OPTED_OUT = Exists(OptOut.objects.filter(instance=OuterRef("pk"), ended_at=None))


class OptedOut(admin.SimpleListFilter):
    title = gettext_lazy("opted out")
    parameter_name = "opted_out"

    def lookups(self, request: HttpRequest, page: object) -> list[tuple[str, str]]:
        return [("yes", _("Yes")), ("no", _("No"))]

    def queryset(self, request: HttpRequest, rows: QuerySet[Instance]) -> QuerySet[Instance]:
        conditions = {"yes": Q(OPTED_OUT), "no": ~Q(OPTED_OUT)}
        return rows.filter(conditions.get(self.value() or "", Q()))


class Quarantined(admin.SimpleListFilter):
    title = gettext_lazy("quarantined")
    parameter_name = "quarantined"

    def lookups(self, request: HttpRequest, page: object) -> list[tuple[str, str]]:
        return [("yes", _("Yes")), ("no", _("No"))]

    def queryset(self, request: HttpRequest, rows: QuerySet[Instance]) -> QuerySet[Instance]:
        return rows.filter(quarantined_at__isnull=self.value() == "no") if self.value() else rows


class Steering(ReadOnlyAdmin):
    """Who may add opt-outs may opt out, who may change them may opt in: Django's own permissions."""

    def has_opt_out_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("upgrades.add_optout")

    def has_opt_in_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("upgrades.change_optout")


@admin.register(Instance)
class InstanceAdmin(Steering):
    list_display = [
        "name",
        "scale_set",
        "number",
        "version",
        "health",
        "power",
        "provisioning",
        "opted_out",
        "quarantined",
        "failures",
    ]
    list_filter = ["health", OptedOut, Quarantined, "failures", "version", "provisioning", "power"]
    list_select_related = ["scale_set"]
    search_fields = ["name", "scale_set__key"]
    show_full_result_count = False
    actions = ["opt_out_chosen", "opt_in_chosen", "release_chosen"]
    exclude = ["member", "work_item"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Instance]:
        rows: QuerySet[Instance] = super().get_queryset(request).annotate(is_opted_out=OPTED_OUT)
        return without_documents(rows)

    @admin.display(description=gettext_lazy("opted out"), boolean=True)
    def opted_out(self, row: Instance) -> bool:
        return bool(vars(row)["is_opted_out"])

    @admin.action(description=gettext_lazy("Opt out of upgrades"), permissions=["opt_out"])
    def opt_out_chosen(self, request: HttpRequest, rows: QuerySet[Instance]) -> HttpResponse | None:
        form = OptOutForm(request.POST if "agreed" in request.POST else None)
        if not (form.is_valid() and _opt_out(request, rows, form)):
            return ask(self, request, rows, "opt_out_chosen", _("Opt these instances out of upgrades"), form)
        return None

    @admin.action(description=gettext_lazy("Opt in again"), permissions=["opt_in"])
    def opt_in_chosen(self, request: HttpRequest, rows: QuerySet[Instance]) -> HttpResponse | None:
        return _opt_in(self, request, rows, "opt_in_chosen", rows)

    def has_release_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("upgrades.change_instance")

    @admin.display(description=gettext_lazy("quarantined"), boolean=True, ordering="quarantined_at")
    def quarantined(self, row: Instance) -> bool:
        return row.quarantined_at is not None

    @admin.action(description=gettext_lazy("Release from quarantine"), permissions=["release"])
    def release_chosen(self, request: HttpRequest, rows: QuerySet[Instance]) -> HttpResponse | None:
        if "agreed" not in request.POST:
            note = _("Their failures so far are forgotten. Upgrades can take these instances at once.")
            return ask(self, request, rows, "release_chosen", _("Release from quarantine"), forms.Form(), note=note)
        each(request, _per_scale_set(rows, partial(release, by=name_of(request), now=now())), _("Released"))
        return None


def _opt_out(request: HttpRequest, rows: QuerySet[Instance], form: OptOutForm) -> bool:
    given = form.cleaned_data
    command = partial(opt_out, owner=name_of(request), now=now(), **given)
    return each(request, _per_scale_set(rows, command), _("Opted out"), form)


def _opt_in(
    page: Steering, request: HttpRequest, instances: QuerySet[Instance], action: str, chosen: QuerySet[Any]
) -> HttpResponse | None:
    """Asks first where it would end what somebody else wants."""
    others = in_force(now()).filter(instance__in=instances).exclude(owner=name_of(request))
    if "agreed" not in request.POST and others.exists():
        says = [
            opt_out_text(opt_out)
            for opt_out in others.select_related("instance").order_by("instance__number")[: MAX_SHOWN + 1]
        ]
        lead = _("{count} selected. Opted out by somebody else:").format(count=chosen.count())
        note = _("Upgrades can take all that are selected at once.")
        return ask(page, request, chosen, action, _("Opt in again"), forms.Form(), says=says, lead=lead, note=note)
    each(request, _per_scale_set(instances, partial(opt_in, owner=name_of(request), now=now())), _("Opted in"))
    return None


def _per_scale_set(
    rows: QuerySet[Instance], command: Callable[[str, list[str]], object]
) -> Iterator[tuple[str, Callable[[], object]]]:
    """One command for each scale set: ("fleet/web (3)", the call)."""
    found = rows.order_by("scale_set", "number")
    columns = found.values_list("scale_set__resource_group", "scale_set__name", "number")
    for path, its in groupby(list(columns), lambda columns_of_row: f"{columns_of_row[0]}/{columns_of_row[1]}"):
        ids = [str(number) for *_path, number in its]
        yield f"{path} ({len(ids)})", partial(command, path, ids)


@admin.register(OptOut)
class OptOutAdmin(Steering):
    list_display = ["instance", "scale_set", "owner", "reason", "created_at", "until", "ended_at", "ended_by"]
    list_filter = [("ended_at", admin.EmptyFieldListFilter), "scope", "created_at", "until"]
    list_select_related = ["instance__scale_set"]
    search_fields = ["instance__name", "instance__scale_set__key", "owner", "reason"]
    date_hierarchy = "created_at"
    actions = ["end_chosen"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[OptOut]:
        return without_documents(super().get_queryset(request), "instance__scale_set__")

    @admin.display(description=gettext_lazy("scale set"), ordering="instance__scale_set__key")
    def scale_set(self, row: OptOut) -> str:
        return str(row.instance.scale_set)

    @admin.action(description=gettext_lazy("End the selected opt-outs now"), permissions=["opt_in"])
    def end_chosen(self, request: HttpRequest, rows: QuerySet[OptOut]) -> HttpResponse | None:
        still = list(rows.filter(ended_at=None).values_list("instance", flat=True))
        return _opt_in(self, request, Instance.objects.filter(pk__in=still), "end_chosen", rows)
