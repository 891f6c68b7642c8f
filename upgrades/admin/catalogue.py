"""The image catalogue: SKUs, their versions, and the locations."""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

from django import forms
from django.conf import settings as our_settings
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from upgrades import catalog, providers
from upgrades.admin.base import (
    AuditedAdmin,
    CommandAdmin,
    JSONField,
    LocationChoices,
    ModelForm,
    ask,
    count_of,
    each,
    name_of,
    now,
)
from upgrades.commands.errors import Refused
from upgrades.commands.images import preview_publication, publish_image, undo_withdrawal, withdraw_image
from upgrades.commands.locations import location_changed
from upgrades.commands.opt_outs import MAX_REASON_LENGTH
from upgrades.core.auditing import ObjectKind
from upgrades.core.facts import ImageReference
from upgrades.core.sentences import in_utc
from upgrades.core.states import KeptOSDisk
from upgrades.models import ImageSku, ImageVersion, LoadBalancer, Location, ScaleSet
from upgrades.providers.base import ProviderError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
LOCATION = re.compile(r"[a-z0-9]{1,64}")


class SkuForm(ModelForm[ImageSku]):
    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        names = [cleaned.get(name) for name in ("publisher", "offer", "sku")]
        if self.instance._state.adding and all(names) and catalog.find_sku(*map(str, names)):
            says = _("{name} exists already (upper and lower case are the same).")
            raise ValidationError(says.format(name=":".join(map(str, names))))
        return cleaned

    def clean_publisher(self) -> str:
        return _image_name(self.cleaned_data["publisher"])

    def clean_offer(self) -> str:
        return _image_name(self.cleaned_data["offer"])

    def clean_sku(self) -> str:
        return _image_name(self.cleaned_data["sku"])


def _image_name(value: str) -> str:
    if not NAME.fullmatch(value):
        says = _("Use letters, digits, dots, - and _ only, not {value!r}.")
        raise ValidationError(says.format(value=value))
    return value


@admin.register(ImageSku)
class SkuAdmin(LocationChoices[ImageSku], AuditedAdmin[ImageSku]):
    """Its names are what documents refer to, so that they stay. Nothing is deleted: scale sets and the history point here."""

    audit_kind, audit_code = ObjectKind.SKU, "Sku"
    form = SkuForm
    list_display = ["__str__", "os_type", "where", "versions_published", "scale_sets", "note"]
    list_filter = ["os_type", "publisher"]
    search_fields = ["publisher", "offer", "sku", "note"]
    fields = ["publisher", "offer", "sku", "os_type", "gallery", "limited_to", "note"]
    filter_horizontal = ["limited_to"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ImageSku]:
        counted = super().get_queryset(request).prefetch_related("limited_to")
        return counted.annotate(
            version_count=count_of(ImageVersion.objects.all(), "sku"), set_count=count_of(ScaleSet.objects.all(), "sku")
        )

    def get_readonly_fields(self, request: HttpRequest, obj: ImageSku | None = None) -> list[str]:
        return ["publisher", "offer", "sku", "os_type", "gallery"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: ImageSku | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ImageSku, form: Any, change: bool) -> None:
        obj.key = ImageSku.key_of(obj.publisher, obj.offer, obj.sku)
        super().save_model(request, obj, form, change)

    @admin.display(description=gettext_lazy("supported in"))
    def where(self, row: ImageSku) -> str:
        return _places(row)

    @admin.display(description=gettext_lazy("versions"), ordering="version_count")
    def versions_published(self, row: ImageSku) -> int:
        return int(vars(row)["version_count"])

    @admin.display(description=gettext_lazy("scale sets"), ordering="set_count")
    def scale_sets(self, row: ImageSku) -> int:
        return int(vars(row)["set_count"])


def _places(row: ImageSku | ImageVersion) -> str:
    return ", ".join(place.name for place in row.limited_to.all()) or _("all locations")


class VersionForm(ModelForm[ImageVersion]):
    """Whether a version can be published is for the command to say: one that is out in some places may go to further ones.

    The first time it is sent it says which scale sets would be upgraded, and asks.
    """

    agreed = forms.BooleanField(required=False, label=gettext_lazy("Publish it"))

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors and not cleaned.get("agreed") and cleaned.get("sku"):
            self._ask(cleaned)
        return cleaned

    def _ask(self, cleaned: dict[str, Any]) -> None:
        """What the command refuses it refuses itself: there is nothing to agree to."""
        sku, places = cleaned["sku"], [place.name for place in cleaned["limited_to"]]
        with suppress(Refused):
            reference = ImageReference(sku.publisher, sku.offer, sku.sku, cleaned["version"])
            found = preview_publication(reference, locations=places)
            self.add_error("agreed", [*found.sentences, _("Check this box and save again to publish it.")])

    def _get_validation_exclusions(self) -> set[str]:
        """Without the SKU, the constraint on it and the version is not looked at."""
        others = super()._get_validation_exclusions()  # type: ignore[misc]  # django-stubs leaves it out
        return {*others, "sku"}


@admin.register(ImageVersion)
class VersionAdmin(LocationChoices[ImageVersion], CommandAdmin):
    """Adding one publishes it: whoever follows the SKU is upgraded to it. What is published never changes."""

    form = VersionForm
    fields_of_targets = {"location": "limited_to"}
    list_display = ["version", "sku", "where", "published_at", "withdrawn_at", "withdrawn_by", "withdrawn_reason"]
    list_filter = ["sku", ("withdrawn_at", admin.EmptyFieldListFilter)]
    actions = ["withdraw_chosen", "put_back_chosen"]
    list_select_related = ["sku"]
    search_fields = ["version", "sku__publisher", "sku__offer", "sku__sku"]
    date_hierarchy = "published_at"
    ordering = ["-published_at", "-pk"]
    filter_horizontal = ["limited_to"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ImageVersion]:
        return super().get_queryset(request).prefetch_related("limited_to")

    def get_fields(self, request: HttpRequest, obj: ImageVersion | None = None) -> list[Any]:
        withdrawal = ["withdrawn_at", "withdrawn_by", "withdrawn_reason"] if obj and obj.withdrawal else []
        return ["sku", "version", "limited_to", *(["published_at"] if obj else ["agreed"]), *withdrawal]

    def get_readonly_fields(self, request: HttpRequest, obj: ImageVersion | None = None) -> list[str]:
        return ["withdrawn_at", "withdrawn_by", "withdrawn_reason"]

    @admin.action(description=gettext_lazy("Withdraw"), permissions=["add"])
    def withdraw_chosen(self, request: HttpRequest, rows: QuerySet[ImageVersion]) -> HttpResponse | None:
        form = WithdrawalForm(request.POST if "agreed" in request.POST else None)
        if form.is_valid():
            command = partial(withdraw_image, now=now(), by=name_of(request), reason=form.cleaned_data["reason"])
            if each(request, _per_version(rows, command), _("Withdrawn"), form):
                return None
        return ask(self, request, rows, "withdraw_chosen", _("Withdraw these versions"), form)

    @admin.action(description=gettext_lazy("Restore withdrawn versions"), permissions=["add"])
    def put_back_chosen(self, request: HttpRequest, rows: QuerySet[ImageVersion]) -> HttpResponse | None:
        if "agreed" not in request.POST:
            note = _("Automatic upgrades to them can start at once.")
            return ask(self, request, rows, "put_back_chosen", _("Restore these versions"), forms.Form(), note=note)
        each(request, _per_version(rows, partial(undo_withdrawal, now=now(), by=name_of(request))), _("Restored"))
        return None

    def has_change_permission(self, request: HttpRequest, obj: ImageVersion | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ImageVersion, form: Any, change: bool) -> None:
        reference = ImageReference(obj.sku.publisher, obj.sku.offer, obj.sku.sku, obj.version)
        places = [place.name for place in form.cleaned_data["limited_to"]]
        followers = publish_image(reference, now(), locations=places)
        obj.pk = ImageVersion.objects.get(sku=obj.sku, version=obj.version).pk
        count = len(followers)
        says = ngettext("{count} scale set follows this image.", "{count} scale sets follow this image.", count)
        self.message_user(request, says.format(count=count))

    @admin.display(description=gettext_lazy("published in"))
    def where(self, row: ImageVersion) -> str:
        return _places(row)


class WithdrawalForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=MAX_REASON_LENGTH,
        help_text=gettext_lazy("Shown to everybody who runs this version."),
    )


def _per_version(
    rows: QuerySet[ImageVersion], command: Callable[[ImageReference], object]
) -> Iterator[tuple[str, Callable[[], object]]]:
    for row in rows.select_related("sku"):
        reference = ImageReference(row.sku.publisher, row.sku.offer, row.sku.sku, row.version)
        yield str(row), partial(command, reference)


class LocationForm(ModelForm[Location]):
    provider = forms.ChoiceField(
        choices=[(name, name) for name in providers.names()],
        label=gettext_lazy("Provider"),
        help_text=gettext_lazy("Who runs the machines there."),
    )
    settings = JSONField(
        required=False,
        label=gettext_lazy("Settings"),
        help_text=gettext_lazy("The provider's own settings, a JSON object."),
    )

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if not LOCATION.fullmatch(name):
            says = _("Use lower-case letters and digits only, e.g. westeurope, not {name!r}.")
            raise ValidationError(says.format(name=name))
        return name

    def clean_settings(self) -> dict[str, Any]:
        settings = self.cleaned_data["settings"] or {}
        if not isinstance(settings, dict):
            raise ValidationError(_("Enter a JSON object, e.g. {}."))
        return settings

    def clean_provider(self) -> str:
        provider: str = self.cleaned_data["provider"]
        row = self.instance
        if row.pk and provider != Location.objects.get(pk=row.pk).provider and row.scaleset_set.exists():
            says = _("Scale sets have machines there that only the current provider knows. Delete them first.")
            raise ValidationError(says)
        return provider

    def clean(self) -> dict[str, Any] | None:
        """Settings that the provider cannot use are refused here, before machines wait for it."""
        cleaned = super().clean() or self.cleaned_data
        if {"provider", "settings"} <= cleaned.keys():
            try:
                providers.load(cleaned["provider"], our_settings.ROLLGRID_HOME, cleaned["settings"])
            except ProviderError as error:
                self.add_error("settings", error.message)
        return cleaned


@admin.register(Location)
class LocationAdmin(AuditedAdmin[Location]):
    """Nothing is deleted: what is limited to a location that is gone would be out everywhere."""

    audit_kind, audit_code = ObjectKind.LOCATION, "Location"
    form = LocationForm
    list_display = ["display_name", "name", "provider", "contact", "rules", "scale_sets", "load_balancers"]
    list_filter = ["provider", "rules"]
    search_fields = ["name", "display_name"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Location]:
        return (
            super()
            .get_queryset(request)
            .annotate(
                set_count=count_of(ScaleSet.objects.all(), "location"),
                balancer_count=count_of(LoadBalancer.objects.all(), "location"),
            )
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Location | None = None) -> list[str]:
        return ["name", "contact", "kept"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Location | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Location, form: Any, change: bool) -> None:
        """Writes no column that is not in the form: the prober writes those."""
        if not change:
            super().save_model(request, obj, form, change)
            return
        self.keep_before(request, obj)
        obj.save(update_fields=list(form.cleaned_data))
        location_changed(obj, now())

    @admin.display(description=gettext_lazy("last contact"))
    def contact(self, row: Location) -> str:
        """What the provider said when it was asked last. Nobody asks where there is no scale set."""
        if row.provider_error_since:
            says = _("Not reached since {time}: {error}")
            return says.format(time=in_utc(row.provider_error_since), error=row.provider_error)
        return (
            _("Answers since {time}.").format(time=in_utc(row.contact_since))
            if row.contact_since
            else _("Not asked yet.")
        )

    @admin.display(description=gettext_lazy("rollback"))
    def kept(self, row: Location) -> str:
        return {
            KeptOSDisk.EXACT: _("Puts back the old OS disk itself."),
            KeptOSDisk.COPY: _("Puts back a copy of the old OS disk, made before it is replaced."),
            KeptOSDisk.VERSION: _("Makes a new OS disk from the old version."),
            KeptOSDisk.NONE: _("None: the provider keeps no old OS disk."),
        }[KeptOSDisk(row.kept_os_disk)]

    @admin.display(description=gettext_lazy("scale sets"), ordering="set_count")
    def scale_sets(self, row: Location) -> int:
        return int(vars(row)["set_count"])

    @admin.display(description=gettext_lazy("load balancers"), ordering="balancer_count")
    def load_balancers(self, row: Location) -> int:
        return int(vars(row)["balancer_count"])
