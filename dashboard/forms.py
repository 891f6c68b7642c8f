"""What people send from the pages. A form checks the shape; whether it may be done is the command's to say."""

from typing import Any

from django import forms

from upgrades.commands.opt_outs import MAX_REASON_LENGTH
from upgrades.models import OptOut


class Ids(forms.Form):
    """Instances by their ids, with commas between."""

    ids = forms.CharField(error_messages={"required": "Choose at least one instance."})

    def clean_ids(self) -> list[str]:
        return [word for word in str(self.cleaned_data["ids"]).split(",") if word]


class ReasonForm(forms.Form):
    """Why, and until when."""

    reason = forms.CharField(
        max_length=MAX_REASON_LENGTH,
        error_messages={
            "required": "Enter a reason.",
            "max_length": f"A reason can have at most {MAX_REASON_LENGTH} characters.",
        },
    )
    until = forms.DateTimeField(required=False, error_messages={"invalid": "Enter a valid date."})


class OptOutForm(Ids, ReasonForm):
    scope = forms.ChoiceField(choices=OptOut.Scope.choices)

    def clean(self) -> dict[str, Any]:
        """Only what is chosen counts: a date belongs to its own option."""
        if self.cleaned_data.get("scope") != OptOut.Scope.UNTIL:
            self.errors.pop("until", None)
            self.cleaned_data["until"] = None
        return self.cleaned_data


class ApprovalForm(Ids):
    """The version is the one that was on the screen: another may wait for approval by now."""

    version = forms.CharField(max_length=80)


class FleetStopForm(ReasonForm):
    """Without an end: for a day."""


class AutomaticForm(forms.Form):
    on = forms.TypedChoiceField(choices=[("true", "on"), ("false", "off")], coerce=lambda word: word == "true")


class WithdrawForm(ReasonForm):
    """A version of a SKU, and why nobody is to get it any more."""

    sku = forms.CharField(error_messages={"required": "Choose an image."})
    version = forms.CharField(max_length=80)


class UndoWithdrawalForm(forms.Form):
    sku = forms.CharField()
    version = forms.CharField(max_length=80)


class PublishForm(forms.Form):
    sku = forms.CharField(error_messages={"required": "Choose an image."})
    version = forms.CharField(max_length=80, error_messages={"required": "Enter a version, e.g. 16.04.201811120."})
    locations = forms.CharField(required=False)

    def clean_version(self) -> str:
        return str(self.cleaned_data["version"]).strip()

    def clean_locations(self) -> list[str]:
        return [word.strip() for word in str(self.cleaned_data["locations"]).split(",") if word.strip()]
