"""What the function `reference` answers: a resource as the API shows it now."""

from collections.abc import Mapping
from typing import Any

from upgrades.arm.deployments.inner_calls import Caller
from upgrades.arm.errors import ArmError
from upgrades.arm.template.errors import TemplateError
from upgrades.arm.template.resources import Resource
from upgrades.arm.template.scope import Reference
from upgrades.arm.template.template import Template
from upgrades.arm.template.values import Value

DEFAULT_VERSION = "2024-11-01"  # of what a template asks that is not its own


def reference_to(caller: Caller, template: Template) -> Reference:
    """The function: of the id, or of the name of a resource of this template. It raises TemplateError where there is none."""

    def reference(name: str, is_full: bool) -> Value:
        called = name.strip("/").lower()
        resource = next((each for each in template.resources if called in _names(each)), None)
        if resource is None and not name.lower().startswith("/subscriptions/"):
            raise TemplateError(f"reference: {name[:200]!r} is no resource of the template, and no id")
        id, version = (resource.id, resource.api_version) if resource else (name, DEFAULT_VERSION)
        try:
            found = caller.ask("GET", id, version).body
        except ArmError as error:
            raise TemplateError(f"reference: {error.message}") from None
        return _whole(found, id, version) if is_full else found.get("properties", {})

    return reference


def _names(resource: Resource) -> set[str]:
    return {resource.id.strip("/").lower(), *(name.strip("/").lower() for name in resource.names)}


def _whole(body: Mapping[str, Any], id: str, version: str) -> dict[str, Any]:
    """As reference(..., 'Full') has it."""
    parts = id.strip("/").split("/")
    group = {"resourceGroupName": parts[3]} if len(parts) > 3 and parts[2].lower() == "resourcegroups" else {}
    own = {"apiVersion": version, "resourceId": "/".join(parts[4:]), "subscriptionId": parts[1], **group}
    return {**{name: value for name, value in body.items() if name not in ("id", "name", "type", "etag")}, **own}
