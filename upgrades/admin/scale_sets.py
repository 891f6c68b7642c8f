"""Scale sets: how they stand, their upgrade policy, and their end."""

from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from upgrades.admin.base import (
    MAX_SHOWN,
    CommandAdmin,
    ModelForm,
    ask,
    count_of,
    each,
    now,
    pretty,
    without_documents,
)
from upgrades.admin.reasons import shown_reasons
from upgrades.commands.policies import EDITABLE_FIELDS, change_policy, policy_of
from upgrades.commands.scale_sets import delete_scale_set
from upgrades.core.documents import MAX_INSTANCES
from upgrades.core.json_edit import iso_duration
from upgrades.core.policy import FIELDS, MAX_PAUSE, FieldKind, PolicyField
from upgrades.core.states import Health
from upgrades.models import Instance, RollingUpgrade, ScaleSet
from upgrades.models.instance import is_opted_out, staying

LIMITS = [name for name, field in FIELDS.items() if not field.is_platform_only]
ALWAYS = [field.form_name for field in FIELDS.values() if field.is_platform_only]
OF_ITS_OWN = gettext_lazy("For upgrades that people start, and for automatic ones where “Use custom limits” is on.")


def _with_machines(row: ScaleSet) -> str:
    """The scale set, annotated with `instance_count`, as the question before its deletion names it."""
    count = vars(row)["instance_count"]
    return ngettext("{name}: {count} instance", "{name}: {count} instances", count).format(name=row, count=count)


def _form_field(field: PolicyField) -> forms.Field:
    said: dict[str, Any] = {"label": gettext_lazy(field.label), "help_text": gettext_lazy(field.help)}
    if field.kind is FieldKind.PERCENT:
        return forms.IntegerField(min_value=field.min_percent, max_value=100, **said)
    if field.kind is FieldKind.DURATION:
        return forms.FloatField(min_value=0, max_value=MAX_PAUSE.total_seconds(), **said)
    return forms.BooleanField(required=False, **said)


class PolicyForm(ModelForm[ScaleSet]):
    """The fields of the document that make its policy. Only those that were changed are written."""

    capacity = forms.IntegerField(
        label=gettext_lazy("Capacity"),
        min_value=0,
        max_value=MAX_INSTANCES,
        help_text=format_lazy(gettext_lazy("Instances, 0 to {count}."), count=MAX_INSTANCES),
    )
    automatic_upgrade = forms.BooleanField(required=False, label=gettext_lazy("Automatic OS upgrade"))
    use_rolling_upgrade_policy = forms.BooleanField(
        required=False,
        label=gettext_lazy("Use custom limits"),
        help_text=gettext_lazy(
            "Off: automatic upgrades use 20 % for every limit, no pause and none of the switches below "
            "(useRollingUpgradePolicy)."
        ),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.initial.update(policy_of(self.instance.document))

    def changes(self) -> dict[str, Any]:
        """As `change_policy` takes them."""
        changes = {name: self.cleaned_data[name] for name in self.changed_data}
        if "pause_between_batches" in changes:
            changes["pause_between_batches"] = iso_duration(changes["pause_between_batches"])
        return changes


PolicyForm.declared_fields.update({field.form_name: _form_field(field) for field in FIELDS.values()})


@admin.register(ScaleSet)
class ScaleSetAdmin(CommandAdmin):
    form = PolicyForm
    fields_of_targets = {place[-1].lower(): name for name, place in EDITABLE_FIELDS.items()}
    list_display = [
        "__str__",
        "location",
        "sku",
        "image_version",
        "automatic_upgrade",
        "capacity",
        "instances",
        "healthy",
        "opted_out",
        "running",
        "deleting",
    ]
    list_filter = [
        ("location", admin.RelatedOnlyFieldListFilter),
        ("sku", admin.RelatedOnlyFieldListFilter),
        "automatic_upgrade",
        "deleting",
    ]
    list_select_related = ["location", "sku"]
    search_fields = ["key"]
    actions = ["delete_scale_sets"]
    readonly_fields = ["location", "sku", "image_version", "health_source", "reasons", "decided", "document_shown"]
    fieldsets = [
        (None, {"fields": ["location", "sku", "image_version", "health_source", "reasons", "decided"]}),
        (gettext_lazy("Upgrade policy"), {"fields": ["capacity", "automatic_upgrade", *ALWAYS]}),
        (gettext_lazy("Custom limits"), {"fields": ["use_rolling_upgrade_policy", *LIMITS], "description": OF_ITS_OWN}),
        (gettext_lazy("The client's document"), {"fields": ["document_shown"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ScaleSet]:
        """Who counts in the columns, counts in the progress that pages show (`core.facts.Facts.staying`)."""
        instances = Instance.objects.filter(staying())
        running = RollingUpgrade.objects.filter(ended_at=None)
        rows: QuerySet[ScaleSet] = (
            super()
            .get_queryset(request)
            .annotate(
                instance_count=count_of(instances),
                healthy_count=count_of(instances.filter(health=Health.HEALTHY)),
                opt_out_count=count_of(instances.filter(is_opted_out(now()))),
                running_count=count_of(running),
            )
        )
        return without_documents(rows, "")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_remove_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("upgrades.delete_scaleset")

    def save_model(self, request: HttpRequest, obj: ScaleSet, form: Any, change: bool) -> None:
        changes = form.changes()
        if not changes:
            return
        put = change_policy(str(obj), changes, now())
        for warning in put.warnings:
            messages.warning(request, warning)
        if set(LIMITS) & set(changes) and not form.cleaned_data["use_rolling_upgrade_policy"]:
            says = _("Custom limits are saved. Automatic upgrades follow them only when “Use custom limits” is on.")
            messages.warning(request, says)

    @admin.action(description=gettext_lazy("Delete the selected scale sets and their machines"), permissions=["remove"])
    def delete_scale_sets(self, request: HttpRequest, rows: QuerySet[ScaleSet]) -> HttpResponse | None:
        if "agreed" not in request.POST:
            title = _("Delete these scale sets and all their machines")
            says = [_with_machines(row) for row in rows[: MAX_SHOWN + 1]]
            note = _("This cannot be undone.")
            return ask(self, request, rows, "delete_scale_sets", title, forms.Form(), says=says, note=note)
        at = now()
        each(request, ((str(row), partial(delete_scale_set, str(row), at)) for row in rows), _("Deleting"))
        return None

    @admin.display(description=gettext_lazy("instances"), ordering="instance_count")
    def instances(self, row: ScaleSet) -> SafeString:
        address = reverse("admin:upgrades_instance_changelist")
        return format_html('<a href="{}?scale_set__id__exact={}">{}</a>', address, row.pk, vars(row)["instance_count"])

    @admin.display(description=gettext_lazy("healthy"), ordering="healthy_count")
    def healthy(self, row: ScaleSet) -> int:
        return int(vars(row)["healthy_count"])

    @admin.display(description=gettext_lazy("opted out"), ordering="opt_out_count")
    def opted_out(self, row: ScaleSet) -> int:
        return int(vars(row)["opt_out_count"])

    @admin.display(description=gettext_lazy("upgrading"), boolean=True, ordering="running_count")
    def running(self, row: ScaleSet) -> bool:
        return bool(vars(row)["running_count"])

    @admin.display(description=gettext_lazy("health"))
    def health_source(self, row: ScaleSet) -> str:
        if not row.probe_protocol:
            return _("the machine's own state: no probe is configured")
        often = ngettext(
            "every {seconds} s, state changes after {count} answer",
            "every {seconds} s, state changes after {count} answers in a row",
            row.probe_threshold,
        ).format(seconds=row.probe_interval_seconds, count=row.probe_threshold)
        if row.probe_is_rich:
            often += "; " + _("rich, {seconds} s of grace").format(seconds=row.probe_grace_seconds)
        path = f" {row.probe_path}" if row.probe_path else ""
        where = _("{protocol} to port {port}{path}")
        return f"{where.format(protocol=row.probe_protocol, port=row.probe_port, path=path)}, {often}"

    @admin.display(description=gettext_lazy("why it is waiting"))
    def reasons(self, row: ScaleSet) -> SafeString | str:
        return shown_reasons(row.decision.get("reasons", ())) or _("it is not waiting")

    @admin.display(description=gettext_lazy("last decision"))
    def decided(self, row: ScaleSet) -> SafeString:
        return pretty(row.decision)

    @admin.display(description=gettext_lazy("as it came, without its secrets"))
    def document_shown(self, row: ScaleSet) -> SafeString:
        return pretty(row.document)
