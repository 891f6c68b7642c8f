"""Wallboard links: who may read the feed without signing in. The page /wallboards/ makes them, for only there is a token shown once."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from upgrades.admin.base import CommandAdmin, ModelForm, ask, now
from upgrades.commands.wallboard_links import change_link, revoke_link, rotate_link
from upgrades.models import WallboardLink


class LinesField(forms.CharField):
    """A list of words, one a line."""

    widget = forms.Textarea(attrs={"rows": 4, "cols": 60, "spellcheck": "false"})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return str(value or "").split()

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.to_python(data) != (initial or []))


class WallboardLinkForm(ModelForm[WallboardLink]):
    scale_sets = LinesField(
        label=gettext_lazy("Scale sets"), required=False, help_text=gettext_lazy("Group/name, one a line.")
    )
    groups = LinesField(
        label=gettext_lazy("Resource groups"),
        required=False,
        help_text=gettext_lazy(
            "One a line: all of their scale sets. Without any, and without scale sets, the link shows all."
        ),
    )
    origins = LinesField(
        label=gettext_lazy("Origins"),
        required=False,
        help_text=gettext_lazy("Of other sites whose pages may show it, one a line."),
    )


HISTORY = ["created_by", "created_at", "used_at", "rotated_at", "revoked_at"]


@admin.register(WallboardLink)
class WallboardLinkAdmin(CommandAdmin):
    """Who reads with a link that was changed has to connect again."""

    form = WallboardLinkForm
    fields_of_targets = {"name": "name", "scale set": "scale_sets", "resource group": "groups", "origins": "origins"}
    list_display = ["name", "shows", "created_by", "created_at", "used_at", "rotated_at", "revoked_at"]
    list_filter = [("revoked_at", admin.EmptyFieldListFilter)]
    search_fields = ["name", "created_by"]
    readonly_fields = ["shows", *HISTORY]
    actions = ["revoke_chosen", "rotate_chosen"]

    def get_fields(self, request: HttpRequest, obj: WallboardLink | None = None) -> list[Any]:
        may = self.has_change_permission(request, obj)
        return ["name", *(["scale_sets", "groups"] if may else ["shows"]), "origins", *HISTORY]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: WallboardLink | None = None) -> bool:
        return self.has_rotate_permission(request) and (obj is None or obj.revoked_at is None)

    def save_model(self, request: HttpRequest, obj: WallboardLink, form: Any, change: bool) -> None:
        given = form.cleaned_data
        may = {name: given[name] for name in ("scale_sets", "groups", "origins")}
        change_link(form.initial["name"], new_name=given["name"], **may)

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
