"""Sources of images: their settings, and what was wrong with them last."""

import re
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from upgrades import providers
from upgrades.admin.base import AuditedAdmin, ModelForm, each, now
from upgrades.commands.image_sources import accept_older
from upgrades.core.auditing import ObjectKind
from upgrades.core.sentences import in_utc
from upgrades.models import ImageSource, Location
from upgrades.providers.base import ProviderError, TakesImages

PREFIX = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18}){0,2}")
OF_KIND: dict[str, tuple[str, ...]] = {
    ImageSource.Kind.DIRECTORY: ("pattern",),
    ImageSource.Kind.SIMPLESTREAMS: ("product", "item"),
}


class SourceForm(ModelForm[ImageSource]):
    check_minutes = forms.IntegerField(
        min_value=1, max_value=10080, initial=60, label=gettext_lazy("Check every … minutes")
    )

    def clean_root(self) -> str:
        root: str = self.cleaned_data["root"].strip()
        parts = urlsplit(root)
        is_address = parts.scheme in ("http", "https") and parts.hostname and not (parts.username or parts.query)
        if not root.startswith("/") and not is_address:
            raise ValidationError(_("Enter the whole path of a folder, or an http(s) address without a password."))
        return root

    def clean_keyring(self) -> str:
        keyring: str = self.cleaned_data["keyring"]
        if keyring and not (keyring.startswith("/") and Path(keyring).is_file()):
            raise ValidationError(_("This is not a file of this computer. Enter its whole path."))
        return keyring

    def clean_version_prefix(self) -> str:
        prefix: str = self.cleaned_data["version_prefix"]
        if prefix and not PREFIX.fullmatch(prefix):
            raise ValidationError(_("Enter numbers with dots, e.g. 22.04."))
        return prefix

    def clean_pattern(self) -> str:
        pattern: str = self.cleaned_data["pattern"]
        if pattern and (pattern.count("*") != 1 or "/" in pattern):
            raise ValidationError(_("Enter the name of a file with one * for the version."))
        return pattern

    def clean_locations(self) -> Any:
        places = self.cleaned_data["locations"]
        for place in places:
            if not _takes_images(place):
                says = _("The provider of {location} takes no image files.")
                raise ValidationError(says.format(location=place.name))
        if len({place.queue for place in places}) > 1:
            raise ValidationError(_("These locations have different queues: add a source for each host."))
        return places

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        for name in OF_KIND.get(str(cleaned.get("kind")), ()):
            if name in cleaned and not cleaned[name]:
                self.add_error(name, _("A source of this kind needs it."))
        if {"keyring", "allow_unsigned"} <= cleaned.keys() and bool(cleaned["keyring"]) is cleaned["allow_unsigned"]:
            says = _("Either name a keyring, or allow images that nobody has signed.")
            self.add_error("keyring", says)
        return cleaned


def _takes_images(place: Location) -> bool:
    try:
        return isinstance(providers.load(place.provider, settings.ROLLGRID_HOME, place.settings), TakesImages)
    except ProviderError:
        return False


@admin.register(ImageSource)
class ImageSourceAdmin(AuditedAdmin[ImageSource]):
    """A changed source is checked at once. None is deleted: it can be turned off."""

    audit_kind, audit_code = ObjectKind.IMAGE_SOURCE, "ImageSource"
    form = SourceForm
    list_display = ["name", "sku", "root", "enabled", "signed", "newest_version", "state"]
    list_filter = ["enabled", "kind"]
    list_select_related = ["sku"]
    search_fields = ["name", "root", "sku__key"]
    actions = ["accept_chosen"]
    filter_horizontal = ["locations"]
    fields = [
        "name",
        "enabled",
        "kind",
        "root",
        "sku",
        "locations",
        "pattern",
        "product",
        "item",
        "arch",
        "version_prefix",
        "keyring",
        "allow_unsigned",
        "check_minutes",
        "keep_versions",
    ]

    def get_fields(self, request: HttpRequest, obj: ImageSource | None = None) -> list[Any]:
        return [*self.fields, *(["state", "newest_version", "checked_at"] if obj else [])]

    def get_readonly_fields(self, request: HttpRequest, obj: ImageSource | None = None) -> list[str]:
        return ["name", "sku", "state", "newest_version", "checked_at"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: ImageSource | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ImageSource, form: Any, change: bool) -> None:
        """Writes no column that is not in the form: checks write those. What another place said before does not count for a new one."""
        if not change:
            super().save_model(request, obj, form, change)
            return
        self.keep_before(request, obj)
        obj.checked_at = None
        written = [name for name in form.cleaned_data if name != "locations"]
        if {"root", "kind", "product", "item", "arch", "pattern", "version_prefix"} & set(form.changed_data):
            obj.updated, obj.newest_version = {}, ""
            written += ["updated", "newest_version"]
        obj.save(update_fields=[*written, "checked_at"])

    @admin.action(description=gettext_lazy("Accept what they offer now, even if it is older"), permissions=["change"])
    def accept_chosen(self, request: HttpRequest, rows: QuerySet[ImageSource]) -> None:
        each(request, [(str(row), partial(accept_older, row, now())) for row in rows], _("Accepted"))

    @admin.display(description=gettext_lazy("state"))
    def state(self, row: ImageSource) -> str:
        if row.error_since:
            return _("Since {time}: {error}").format(time=in_utc(row.error_since), error=row.error)
        return _("Well.") if row.checked_at else _("Not checked yet.")

    @admin.display(description=gettext_lazy("signed"), boolean=True)
    def signed(self, row: ImageSource) -> bool:
        return bool(row.keyring)
