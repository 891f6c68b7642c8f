"""The audit trail: looked at, never changed."""

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from upgrades.admin.base import ReadOnlyAdmin, pretty
from upgrades.models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["at", "name", "who", "says", "path", "outcome", "entry_point", "came_from"]
    list_display_links = ["at", "says"]
    list_filter = ["outcome", "at"]
    search_fields = ["name", "path", "code", "says", "came_from", "request_id"]
    date_hierarchy = "at"
    ordering = ["-pk"]
    show_full_result_count = False
    fields = [
        "at",
        "says",
        "code",
        "outcome",
        "error_code",
        "error_message",
        "name",
        "who",
        "who_id",
        "entry_point",
        "came_from",
        "request_id",
        "kind",
        "path",
        "object_id",
        "before_shown",
        "after_shown",
    ]

    @admin.display(description=_("before"))
    def before_shown(self, row: AuditEntry) -> SafeString:
        return pretty(row.before)

    @admin.display(description=_("after"))
    def after_shown(self, row: AuditEntry) -> SafeString:
        return pretty(row.after)
