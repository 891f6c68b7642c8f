"""Load balancers, for the sake of their health probes."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from upgrades.admin.base import CommandAdmin, JSONField, ModelForm, now
from upgrades.commands.load_balancers import put_load_balancer
from upgrades.models import LoadBalancer, ScaleSet


class LoadBalancerForm(ModelForm[LoadBalancer]):
    document = JSONField(
        label=gettext_lazy("Document"),
        help_text=gettext_lazy(
            "The ARM document: location and properties.probes. A probe that scale sets are upgraded by should have an address of its own, "
            "which answers whether the application works, however busy it is: one that is late or fails under load makes healthy instances "
            "count as unhealthy, and upgrades wait or stop."
        ),
    )

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        group, name = (cleaned.get(field) for field in ("resource_group", "name"))
        if (
            self.instance._state.adding
            and LoadBalancer.objects.filter(key=ScaleSet.key_of(str(group), str(name))).exists()
        ):
            says = _("A load balancer {path} exists already: change that one.")
            raise ValidationError(says.format(path=f"{group}/{name}"))
        return cleaned


@admin.register(LoadBalancer)
class LoadBalancerAdmin(CommandAdmin):
    form = LoadBalancerForm
    fields_of_targets = {
        **dict.fromkeys(("location", "name", "protocol", "port", "requestpath"), "document"),
        **dict.fromkeys(("probes", "intervalinseconds", "numberofprobes", "probethreshold"), "document"),
    }
    list_display = ["__str__", "location"]
    list_filter = [("location", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["location"]
    search_fields = ["key"]
    fields = ["resource_group", "name", "document"]

    def get_readonly_fields(self, request: HttpRequest, obj: LoadBalancer | None = None) -> list[str]:
        return ["resource_group", "name"] if obj else []

    def save_model(self, request: HttpRequest, obj: LoadBalancer, form: Any, change: bool) -> None:
        obj.pk = put_load_balancer(str(obj), form.cleaned_data["document"], now()).pk
