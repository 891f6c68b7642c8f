"""Forms for what the pages send. A form checks the shape only; the command decides whether it is possible."""

from typing import Any

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from upgrades.commands.opt_outs import MAX_REASON_LENGTH
from upgrades.models import OptOut


class Ids(forms.Form):
    """Ids of instances, separated by commas."""

    ids = forms.CharField(error_messages={"required": _("Select at least one instance.")})

    def clean_ids(self) -> list[str]:
        return [word for word in str(self.cleaned_data["ids"]).split(",") if word]


class ReasonForm(forms.Form):
    """A reason, and an optional end."""

    reason = forms.CharField(
        max_length=MAX_REASON_LENGTH,
        error_messages={
            "required": _("Enter a reason."),
            "max_length": format_lazy(_("A reason can have at most {count} characters."), count=MAX_REASON_LENGTH),
        },
    )
    until = forms.DateTimeField(required=False, error_messages={"invalid": _("Enter a valid date.")})


class OptOutForm(Ids, ReasonForm):
    scope = forms.ChoiceField(choices=OptOut.Scope.choices)

    def clean(self) -> dict[str, Any]:
        """Drop the date, and its errors, where another scope than "until" is chosen."""
        if self.cleaned_data.get("scope") != OptOut.Scope.UNTIL:
            self.errors.pop("until", None)
            self.cleaned_data["until"] = None
        return self.cleaned_data


class ApprovalForm(Ids):
    """Instances, and the version that was on the screen: another one may wait for approval by now."""

    version = forms.CharField(max_length=80)


class FleetStopForm(ReasonForm):
    """A fleet stop; without an end it lasts for a day."""


class AutomaticForm(forms.Form):
    on = forms.TypedChoiceField(choices=[("true", "on"), ("false", "off")], coerce=lambda word: word == "true")


class WithdrawForm(ReasonForm):
    """A version of an SKU, and the reason for its withdrawal."""

    sku = forms.CharField(error_messages={"required": _("Select an image.")})
    version = forms.CharField(max_length=80)


class UndoWithdrawalForm(forms.Form):
    sku = forms.CharField()
    version = forms.CharField(max_length=80)


class PublishForm(forms.Form):
    sku = forms.CharField(error_messages={"required": _("Select an image.")})
    version = forms.CharField(max_length=80, error_messages={"required": _("Enter a version, e.g. 16.04.201811120.")})
    locations = forms.CharField(required=False)

    def clean_version(self) -> str:
        return str(self.cleaned_data["version"]).strip()

    def clean_locations(self) -> list[str]:
        return [word.strip() for word in str(self.cleaned_data["locations"]).split(",") if word.strip()]
