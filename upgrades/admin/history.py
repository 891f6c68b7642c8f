"""What was done: rolling upgrades, each instance's part in them, and every change of state. Read only."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from upgrades import attempts
from upgrades.admin.base import ReadOnlyAdmin, pretty, without_documents
from upgrades.core.ranges import numbers_in
from upgrades.core.states import InstanceUpgradeState, UpgradeKind, UpgradeStatus
from upgrades.models import Batch, InstanceUpgrade, RollingUpgrade, Transition
from upgrades.models.records import batches_of


@admin.register(RollingUpgrade)
class RollingUpgradeAdmin(ReadOnlyAdmin):
    list_display = ["scale_set", "aim", "status", "started_by", "started_by_name", "started_at", "ended_at"]
    list_filter = [
        "kind",
        "status",
        "started_by",
        ("scale_set__location", admin.RelatedOnlyFieldListFilter),
        "started_at",
    ]
    list_select_related = ["scale_set"]
    search_fields = ["scale_set__key", "target_version", "started_by_name"]
    date_hierarchy = "started_at"
    show_full_result_count = False
    fields = [
        "scale_set",
        "kind",
        "target_publisher",
        "target_offer",
        "target_sku",
        "target_version",
        "target_extensions",
        "status",
        "started_by",
        "started_by_name",
        "started_at",
        "ended_at",
        "only_failed",
        "cancel_requested_by",
        "cancel_requested_at",
        "paused_by",
        "paused_at",
        "retry_skipped_by",
        "progress",
        "rollbacks",
        "policy_shown",
        "error_shown",
        "batches",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RollingUpgrade]:
        return without_documents(super().get_queryset(request))

    @admin.display(description=gettext_lazy("upgrade"), ordering="target_version")
    def aim(self, row: RollingUpgrade) -> str:
        if row.kind == UpgradeKind.EXTENSIONS:
            return _("of extensions")
        return _("to {version}").format(version=row.target_version)

    @admin.display(description=gettext_lazy("progress"))
    def progress(self, row: RollingUpgrade) -> str:
        """What came of it, or how far it is: "Completed: upgraded to 1.2 automatically. 20 succeeded." """
        count = row.progress()
        counts = (
            (count.successful, _("{count} succeeded")),
            (count.failed, _("{count} failed")),
            (count.in_progress, _("{count} in progress")),
            (count.pending, _("{count} not started")),
        )
        said = ", ".join(text.format(count=number) for number, text in counts if number) or _("nothing to upgrade")
        return f"{_outcome(row)}{said}."

    @admin.display(description=gettext_lazy("rolled back"))
    def rollbacks(self, row: RollingUpgrade) -> str:
        found = attempts.rollbacks_of([row])[row.pk]
        said = _("{succeeded} rolled back, {failed} failed to roll back")
        said = said.format(succeeded=found.succeeded, failed=found.failed)
        return _("{counts}. First error: {error}").format(counts=said, error=found.error) if found.error else said

    @admin.display(description=gettext_lazy("policy in force"))
    def policy_shown(self, row: RollingUpgrade) -> SafeString:
        return pretty(row.policy)

    @admin.display(description=gettext_lazy("error"))
    def error_shown(self, row: RollingUpgrade) -> SafeString | str:
        return pretty(row.error) if row.error else _("none")

    @admin.display(description=gettext_lazy("batches"))
    def batches(self, row: RollingUpgrade) -> SafeString | str:
        members = {batch["number"]: batch["members"] for batch in batches_of(row)}
        lines = [
            (
                _members(batch),
                _("batch {number}").format(number=batch.number),
                _time(batch),
                _counted(members.get(batch.number, {})),
                _because(batch),
            )
            for batch in row.batches.all()
        ]
        return format_html_join("", '<p><a href="{}">{}</a> {}: {}{}</p>', lines) or _("none yet")


def _outcome(row: RollingUpgrade) -> str:
    """How it ended, in words; "" while it runs."""
    of_images = {
        UpgradeStatus.COMPLETED: _("Completed: upgraded to {version} {by}."),
        UpgradeStatus.CANCELLED: _("Cancelled: upgrade to {version} {by}."),
        UpgradeStatus.FAULTED: _("Upgrade to {version} failed."),
    }
    of_extensions = {
        UpgradeStatus.COMPLETED: _("Completed: extensions upgraded {by}."),
        UpgradeStatus.CANCELLED: _("Cancelled: upgrade of extensions {by}."),
        UpgradeStatus.FAULTED: _("Upgrade of extensions failed."),
    }
    outcomes: Mapping[Any, str] = of_images if row.kind == UpgradeKind.IMAGE else of_extensions
    by = _("automatically") if row.is_automatic else _("by {name}").format(name=row.started_by_name)
    return outcomes[row.status].format(version=row.target_version, by=by) + " " if row.status in outcomes else ""


def _members(batch: Batch) -> str:
    return f"{reverse('admin:upgrades_instanceupgrade_changelist')}?batch__id__exact={batch.pk}"


def _time(batch: Batch) -> str:
    began = _moment(batch.started_at)
    if batch.finished_at:
        return _("{start} to {end}").format(start=began, end=_moment(batch.finished_at))
    return _("since {start}").format(start=began)


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _because(batch: Batch) -> SafeString | str:
    return format_html("<br>{}", _("because {why}").format(why=batch.why)) if batch.why else ""


def _counted(members: Mapping[str, str]) -> str:
    """`members`: which instances are in each state."""
    counts = {_(state.replace("_", " ")): len(numbers_in(which)) for state, which in sorted(members.items())}
    return ", ".join(f"{count} {state}" for state, count in counts.items()) or _("nobody")


@admin.register(InstanceUpgrade)
class InstanceUpgradeAdmin(ReadOnlyAdmin):
    list_display = [
        "instance_number",
        "replacement_number",
        "upgrade_shown",
        "batch_number",
        "state",
        "from_version",
        "ended_at",
        "error_code",
        "rollback_error",
    ]
    list_filter = [
        "state",
        ("rollback_error", admin.EmptyFieldListFilter),
        ("upgrade__scale_set__location", admin.RelatedOnlyFieldListFilter),
        "ended_at",
    ]
    list_select_related = ["upgrade__scale_set", "batch"]
    search_fields = [
        "upgrade__scale_set__key",
        "upgrade__target_version",
        "error_code",
        "error_message",
        "rollback_error",
    ]
    date_hierarchy = "batch__started_at"
    ordering = ["-batch", "instance_number"]
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[InstanceUpgrade]:
        return without_documents(super().get_queryset(request), "upgrade__scale_set__")

    @admin.display(description=gettext_lazy("upgrade"), ordering="upgrade__started_at")
    def upgrade_shown(self, row: InstanceUpgrade) -> SafeString:
        address = reverse("admin:upgrades_rollingupgrade_change", args=[row.upgrade_id])
        return format_html('<a href="{}">{}</a>', address, row.upgrade)

    @admin.display(description=gettext_lazy("batch"))
    def batch_number(self, row: InstanceUpgrade) -> int:
        return row.batch.number


class StateFilter(admin.SimpleListFilter):
    """Known beforehand: to ask the table for all there are would read the whole of it."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, page: object) -> list[tuple[str, str]]:
        return [(state.value, state.value) for states in (InstanceUpgradeState, UpgradeStatus) for state in states]

    def queryset(self, request: HttpRequest, rows: QuerySet[Transition]) -> QuerySet[Transition]:
        return rows.filter(state=self.value()) if self.value() else rows


@admin.register(Transition)
class TransitionAdmin(ReadOnlyAdmin):
    list_display = ["at", "scale_set", "instance_number", "state", "health", "version", "note"]
    list_filter = [StateFilter, "at"]
    list_select_related = ["scale_set"]
    search_fields = ["scale_set__key", "note", "version"]
    date_hierarchy = "at"
    ordering = ["-pk"]
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return without_documents(super().get_queryset(request))
