"""The fleet stop: stopping all automatic upgrades of the fleet, and letting go."""

from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from upgrades.admin.base import CommandAdmin, ModelForm, MomentField, ask, each, name_of, now
from upgrades.commands.fleet_stops import end_fleet_stop, stop_fleet
from upgrades.commands.opt_outs import MAX_REASON_LENGTH
from upgrades.models import FleetStop


class FleetStopForm(ModelForm[FleetStop]):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=MAX_REASON_LENGTH,
        widget=forms.TextInput(attrs={"size": 60, "autofocus": True}),
    )
    until = MomentField(label=gettext_lazy("Until"), empty=gettext_lazy("Empty: for a day."))


@admin.register(FleetStop)
class FleetStopAdmin(CommandAdmin):
    """Adding one stops the fleet, and replaces the one that is in force; who may change them may end one. What was done stays."""

    form = FleetStopForm
    fields_of_targets = {"reason": "reason", "until": "until"}
    list_display = ["owner", "reason", "created_at", "until", "ended_at", "ended_by"]
    list_filter = [("ended_at", admin.EmptyFieldListFilter), "created_at"]
    search_fields = ["owner", "reason", "ended_by"]
    date_hierarchy = "created_at"
    actions = ["end_stop"]

    def get_fields(self, request: HttpRequest, obj: FleetStop | None = None) -> list[Any]:
        return ["owner", "reason", "created_at", "until", "ended_at", "ended_by"] if obj else ["reason", "until"]

    def has_change_permission(self, request: HttpRequest, obj: FleetStop | None = None) -> bool:
        return False

    def has_end_stop_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("upgrades.change_fleetstop")

    def save_model(self, request: HttpRequest, obj: FleetStop, form: Any, change: bool) -> None:
        given = form.cleaned_data
        row = stop_fleet(reason=given["reason"], until=given["until"], owner=name_of(request), now=now())
        obj.pk, obj.owner = row.pk, row.owner

    @admin.action(description=gettext_lazy("Resume automatic upgrades"), permissions=["end_stop"])
    def end_stop(self, request: HttpRequest, rows: QuerySet[FleetStop]) -> HttpResponse | None:
        stop = rows.filter(ended_at=None).first()
        if stop is None:
            messages.warning(request, _("These stops have ended already. Nothing was changed."))
        elif "agreed" not in request.POST:
            says = [_("Stopped by {name}: {reason}").format(name=stop.owner, reason=stop.reason)]
            note = _("Scale sets that it holds can start or continue at once.")
            title = _("Resume automatic upgrades")
            return ask(self, request, rows, "end_stop", title, forms.Form(), says=says, note=note)
        else:
            command = partial(end_fleet_stop, by=name_of(request), now=now())
            each(request, [(_("all scale sets"), command)], _("Automatic upgrades resumed"))
        return None
