"""Wallboard links: who may read the feed without signing in. The page /wallboards/ makes them, for only there is a token shown once."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from upgrades.admin.base import ReadOnlyAdmin, ask, now
from upgrades.commands.wallboard_links import revoke_link, rotate_link
from upgrades.models import WallboardLink


@admin.register(WallboardLink)
class WallboardLinkAdmin(ReadOnlyAdmin):
    list_display = ["name", "shows", "created_by", "created_at", "used_at", "rotated_at", "revoked_at"]
    list_filter = [("revoked_at", admin.EmptyFieldListFilter)]
    search_fields = ["name", "created_by"]
    fields = ["name", "shows", "origins", "created_by", "created_at", "used_at", "rotated_at", "revoked_at"]
    readonly_fields = ["shows"]
    actions = ["revoke_chosen", "rotate_chosen"]

    @admin.display(description=gettext_lazy("shows"))
    def shows(self, row: WallboardLink) -> str:
        return _("all scale sets") if row.scope.sees_all else str(row.scope)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("upgrades.delete_wallboardlink")

    def has_rotate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("upgrades.add_wallboardlink")

    @admin.action(description=gettext_lazy("Revoke"), permissions=["revoke"])
    def revoke_chosen(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        if "agreed" not in request.POST:
            note = _("What is read with them ends at once. A revoked link cannot be used again.")
            return ask(self, request, rows, "revoke_chosen", _("Revoke these links"), forms.Form(), note=note)
        names = [row.name for row in rows if row.revoked_at is None]
        for name in names:
            revoke_link(name, now())
        self.message_user(request, _("Revoked: {names}.").format(names=", ".join(names)))
        return None

    @admin.action(description=gettext_lazy("End the token, without showing a new one"), permissions=["rotate"])
    def rotate_chosen(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        """Rotates, and shows no token: pages of the admin are kept by browsers. The page of wallboards shows the next one."""
        if "agreed" not in request.POST:
            note = _(
                "What is read with them ends at once. Rotate them on the page of wallboards for a token that is shown."
            )
            return ask(self, request, rows, "rotate_chosen", _("End these tokens"), forms.Form(), note=note)
        names = [row.name for row in rows if row.revoked_at is None]
        for name in names:
            rotate_link(name, now())
        self.message_user(request, _("Ended the tokens of: {names}.").format(names=", ".join(names)))
        return None
