"""The upgrade policy of new scale sets: one row, which is changed and never added or deleted."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from upgrades.admin.base import CommandAdmin
from upgrades.commands.defaults import set_defaults
from upgrades.models import UpgradeDefaults
from upgrades.models.defaults import LIMITS

FIELDS = (*LIMITS, "pause_seconds")


@admin.register(UpgradeDefaults)
class UpgradeDefaultsAdmin(CommandAdmin):
    list_display = ["__str__", *FIELDS]
    fieldsets = [
        (
            None,
            {
                "fields": FIELDS,
                "description": _("For new scale sets whose document sets no limits. Existing scale sets keep theirs."),
            },
        )
    ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: UpgradeDefaults, form: Any, change: bool) -> None:
        set_defaults(**{name: form.cleaned_data[name] for name in FIELDS})
