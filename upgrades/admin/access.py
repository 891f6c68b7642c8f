"""Clients of the API: who they are. `manage.py api_client` makes them, for only there is a secret shown once and nowhere else."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from upgrades.admin.base import ReadOnlyAdmin, ask, now
from upgrades.commands.access import revoke_client
from upgrades.models import ApiClient


@admin.register(ApiClient)
class ApiClientAdmin(ReadOnlyAdmin):
    list_display = ["name", "id", "role", "created_at", "revoked_at"]
    list_filter = ["role", ("revoked_at", admin.EmptyFieldListFilter)]
    search_fields = ["name", "id"]
    fields = ["name", "id", "role", "created_at", "revoked_at"]
    actions = ["revoke_chosen"]

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("upgrades.delete_apiclient")

    @admin.action(description=gettext_lazy("Revoke, with all their tokens"), permissions=["revoke"])
    def revoke_chosen(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        if "agreed" not in request.POST:
            note = _("What uses them is refused at once. Only a new secret lets a client in again.")
            return ask(self, request, rows, "revoke_chosen", _("Revoke these clients"), forms.Form(), note=note)
        at = now()
        for row in rows:
            revoke_client(row.name, at)
        self.message_user(request, _("Revoked: {names}.").format(names=", ".join(row.name for row in rows)))
        return None
