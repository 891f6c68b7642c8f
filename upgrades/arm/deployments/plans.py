"""What a template deploys in a place: its resources in order, each of a type that the API has, and none that the client may not put."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import urljoin

from upgrades.arm import discovery, ids, subscriptions, unknown_addresses
from upgrades.arm.deployments.bodies import Wanted
from upgrades.arm.deployments.hidden_values import HiddenValues, template_hash
from upgrades.arm.deployments.inner_calls import Caller, view_of
from upgrades.arm.errors import ArmError
from upgrades.arm.requests import ACTIONS, NEEDS, VIEWER, methods_of
from upgrades.arm.template.errors import TemplateError
from upgrades.arm.template.resources import DEPLOYMENT, RESOURCE_GROUP, Resource
from upgrades.arm.template.scope import Place, Reference
from upgrades.arm.template.template import Template, read
from upgrades.arm.template.values import spelled
from upgrades.commands.deployments import NewDeployment, NewOperation
from upgrades.core.json_fields import BadDocument, check_json
from upgrades.models import Location

RESOURCES_VERSION = "2025-04-01"  # of our own calls to groups and subscriptions
DELETION_VERSION = "2024-11-01"
MAX_DETAILS = 20
LINKS = ("templatelink", "parameterslink")
SCALE_SET = "microsoft.compute/virtualmachinescalesets"
IN_A_GROUP = (
    "is deployed into a resource group: by a deployment of that, or by a nested deployment with 'resourceGroup'."
)


@dataclass(frozen=True, slots=True)
class Plan:
    """A template in its place, read and checked. `group`: as its resource group spells itself; empty in the subscription.

    `deletions`: {"id", "type", "name"} of what goes in the mode Complete, because the template does not name it.
    """

    template: Template
    document: Any
    group: str
    location: str
    hidden: HiddenValues
    outer: Mapping[str, Any] | None
    link: Mapping[str, Any] = field(default_factory=dict)
    mode: str = "Incremental"
    deletions: Sequence[Mapping[str, str]] = ()

    @property
    def resources(self) -> list[Resource]:
        """Those that are deployed, in order."""
        return [resource for resource in self.template.resources if resource.is_wanted]

    def for_storing(self, caller: Caller, tags: Mapping[str, Any]) -> NewDeployment:
        resources = self.resources
        known = {resource.id for resource in resources}
        values = {name: self.template.scope.parameter(name) for name in self.template.parameters}
        return NewDeployment(
            {"document": self.document, "outer": self.outer, "link": dict(self.link)},
            values,
            self.hidden.hide(self.template.values()),
            template_hash(self.document),
            [
                NewOperation(
                    resource.id,
                    resource.type,
                    resource.name,
                    resource.api_version,
                    [other for other in resource.depends_on if other in known],
                )
                for resource in resources
            ]
            + [
                NewOperation(each["id"], each["type"], each["name"], DELETION_VERSION, sorted(known), is_deletion=True)
                for each in self.deletions
            ],
            {**caller.columns, "tags": dict(tags), "location": self.location, "mode": self.mode},
        )


def plan(
    caller: Caller,
    wanted: Wanted,
    group: str,
    name: str,
    now: datetime,
    outer: Mapping[str, Any] | None = None,
) -> Plan:
    """The plan of what a client asks for. Raises ArmError: no such group, a fault of the template, what cannot be deployed here."""
    place, group_name, location = _place(caller, wanted.location, group, name, outer, wanted.link)
    hidden = HiddenValues(wanted.template, {given: _value(value) for given, value in wanted.given.items()})
    try:
        template = read(wanted.template, wanted.given, place, now, (outer or {}).get("copies"))
    except TemplateError as error:
        raise invalid_template(error, hidden) from None
    hidden = HiddenValues(wanted.template, {each: template.scope.parameter(each) for each in template.parameters})
    found = Plan(template, wanted.template, group_name, location, hidden, outer, wanted.link, wanted.mode)
    _check_places(found)
    _check_types(caller, found, name)
    for resource in found.resources:
        _check_body(found, resource)
    return replace(found, deletions=surplus(caller, found)) if wanted.mode == "Complete" else found


def surplus(caller: Caller, found: Plan) -> list[Mapping[str, str]]:
    """What is in the group, and the template does not name: nor a part of it. Raises ArmError. Scale sets first, which refer to others."""
    if not found.group or found.outer is not None:
        message = (
            "The deployment mode 'Complete' is for deployments of a resource group, which are not nested in another."
        )
        raise ArmError("DeploymentModeNotSupported", message, target="properties.mode")
    named = {resource.id.lower() for resource in found.template.resources if resource.is_wanted}
    listed = caller.ask("GET", f"{ids.of_group(caller.subscription, found.group)}/resources", RESOURCES_VERSION).body[
        "value"
    ]
    left = [each for each in listed if not any(f"{name}/".startswith(f"{each['id'].lower()}/") for name in named)]
    for each in left:
        methods = methods_of(view_of(each["id"])[0])
        if "DELETE" not in methods or not caller.client.may(getattr(methods["DELETE"], NEEDS, VIEWER)):
            message = f"The client '{caller.client.name}' does not have authorization to delete '{each['id'][:300]}'."
            raise ArmError("AuthorizationFailed", message)
    return sorted(left, key=lambda each: (each["type"].lower() != SCALE_SET, each["id"].lower()))


def read_again(
    caller: Caller,
    document: Any,
    values: Mapping[str, Any],
    of: Any,
    outer: Mapping[str, Any] | None,
    link: Mapping[str, Any],
) -> Plan:
    """The plan of a deployment that has begun. `of`: its row. Raises ArmError and TemplateError."""
    place, group, location = _place(caller, of.location, of.resource_group, of.name, outer, link)
    given = {name: {"value": value} for name, value in values.items()}
    template = read(document, given, place, of.started_at, (outer or {}).get("copies"))
    return Plan(template, document, group, location, HiddenValues(document, values), outer, link, of.mode)


def _value(written: Any) -> Any:
    return written.get(spelled(written, "value") or "") if isinstance(written, dict) else None


def invalid_template(error: TemplateError, hidden: HiddenValues) -> ArmError:
    said = hidden.hide_in(error.message)
    message = f"Deployment template validation failed: '{said}'."
    if error.place:
        message = f"Deployment template validation failed: '{said}' at '{error.place}'."
    return ArmError("InvalidTemplate", message, target=error.place)


# --- where ------------------------------------------------------------------------------------------------------------


def _place(
    caller: Caller, location: str, group: str, name: str, outer: Mapping[str, Any] | None, link: Mapping[str, Any]
) -> tuple[Place, str, str]:
    """(the place, the group as it spells itself, the location). Raises ArmError."""
    subscription = caller.ask("GET", ids.of_subscription(caller.subscription), RESOURCES_VERSION).body
    found = caller.ask("GET", ids.of_group(caller.subscription, group), RESOURCES_VERSION).body if group else {}
    if not group:
        location = _location(location)
    seen: Mapping[str, Any] = outer["place"] if outer else {"deployment": name, "group": found}
    place = Place(
        seen["deployment"],
        seen["group"],
        subscription,
        {"tenantId": subscription["tenantId"], "countryCode": ""},
        {"name": "Rollgrid", "resourceManager": f"{caller.base}/", "suffixes": discovery.SUFFIXES},
        str((found or subscription)["id"]),
        "" if group else location,
        link,
        {"objectId": str(caller.client.pk), "tenantId": subscription["tenantId"], "userPrincipalName": ""},
        _types(),
    )
    return place, found.get("name", ""), found.get("location", location)


def _location(given: str) -> str:
    """Raises ArmError."""
    if not given:
        message = "The 'location' property must be specified for a deployment of the subscription."
        raise ArmError("LocationRequired", message, target="location")
    key = given.replace(" ", "").lower()
    if not Location.objects.filter(name=key).exists():
        message = f"The provided location '{given[:80]}' is not available. GET /subscriptions/ID/locations lists them."
        raise ArmError("LocationNotAvailableForResourceType", message, target="location")
    return key


def _types() -> dict[str, list[dict[str, Any]]]:
    """What the function `providers` says."""
    places = list(Location.objects.values_list("display_name", flat=True))
    return {
        namespace: [
            {"resourceType": name, "locations": places, "apiVersions": versions} for name, versions in types.items()
        ]
        for namespace, types in subscriptions.TYPES.items()
    }


# --- what is checked before anything is put ---------------------------------------------------------------------------


def _check_places(found: Plan) -> None:
    """Raises ArmError for ids that no database takes, and for what would be put elsewhere than it says."""
    for resource in found.resources:
        if not _is_storable(resource):
            message = (
                f"the name, type or api-version is too long ({len(resource.id)} characters in all), or has a NUL in it"
            )
            raise invalid_template(TemplateError(message, resource.place), found.hidden)
        scope = resource.written.get(spelled(resource.written, "scope") or "")
        if scope is not None:
            message = "the scope of a resource is not honoured here: deploy it where it is to be"
            raise invalid_template(TemplateError(message, f"{resource.place}.scope"), found.hidden)


def _is_storable(resource: Resource) -> bool:
    texts = {resource.id: 1_000, resource.type: 300, resource.name: 300, resource.api_version: 40}
    try:
        check_json(list(texts))
    except BadDocument:
        return False
    return all(len(text) <= longest for text, longest in texts.items())


def _check_types(caller: Caller, found: Plan, name: str) -> None:
    """Raises ArmError: types that the API does not have, and those that the client may not put."""
    details = []
    for resource in found.resources:
        try:
            if not found.group and resource.type.lower() not in (DEPLOYMENT, RESOURCE_GROUP):
                raise ArmError("InvalidTemplate", f"'{resource.type[:200]}' {IN_A_GROUP}")
            view, _ = view_of(resource.id)
            if "PUT" not in methods_of(view):
                message = f"'{resource.type[:200]}' cannot be put; docs/arm-api.md lists what is served."
                raise ArmError("ResourceTypeNotSupported", message)
            put = methods_of(view)["PUT"]
            if put is unknown_addresses.refuse:
                caller.ask("PUT", resource.id, resource.api_version, {})
            needed = getattr(put, NEEDS, VIEWER)
            if not caller.client.may(needed):
                raise _not_allowed(caller, resource, needed)
        except ArmError as error:
            if error.code == "AuthorizationFailed":
                raise
            details.append(detail(error, resource.id))
    refuse_resources(found, name, details)


def _not_allowed(caller: Caller, resource: Resource, needed: Any) -> ArmError:
    message = (
        f"The client '{caller.client.name}' with object id '{caller.client.pk}' does not have authorization to perform action "
        f"'{resource.type}/{ACTIONS['PUT']}' over scope '{resource.id[:300]}': it needs the role {needed.value} and has "
        f"{caller.client.role}."
    )
    return ArmError("AuthorizationFailed", message)


def _check_body(found: Plan, resource: Resource) -> None:
    """Compute all that does not depend on what is deployed first. Raises ArmError."""
    asked: list[str] = []

    def not_yet(name: str, _: bool) -> Any:
        asked.append(name)
        raise TemplateError("reference can be computed only after the resource was deployed")

    try:
        resource.body(found.template.scope, not_yet)
    except TemplateError as error:
        if not asked:
            raise invalid_template(error, found.hidden) from None


def put_body(found: Plan, resource: Resource, reference: Reference) -> dict[str, Any]:
    """What is put: without what the address says. An address in relation to the template's own becomes a whole one."""
    body = resource.body(found.template.scope, reference)
    body = {name: value for name, value in body.items() if name.lower() not in ("name", "type")}
    properties = body.get("properties")
    if resource.is_deployment and isinstance(properties, dict):
        if str(properties.get(spelled(properties, "mode") or "")).lower() == "complete":
            raise TemplateError(
                "a nested deployment has the mode Incremental, not Complete", f"{resource.place}.properties.mode"
            )
        body["properties"] = {name: _whole_link(found, name, each) for name, each in properties.items()}
    return body


def _whole_link(found: Plan, name: str, value: Any) -> Any:
    """Raises TemplateError."""
    if name.lower() not in LINKS or not isinstance(value, dict) or (key := spelled(value, "relativePath")) is None:
        return value
    if not found.link:
        message = "a relativePath has a meaning only where the template itself was fetched from an address"
        raise TemplateError(message, f"properties.{name}.relativePath")
    kept = {each: inner for each, inner in value.items() if each != key}
    return {**kept, "uri": urljoin(found.link["uri"], str(value[key]))}


def outer_of(found: Plan, resource: Resource) -> dict[str, Any] | None:
    """What a nested deployment is told of the place that its expressions belong to; None where that is its own."""
    if not resource.is_deployment or resource.has_own_scope:
        return None
    place = found.template.scope.place
    return {"place": {"deployment": place.deployment, "group": dict(place.group)}, "copies": resource.copies}


def detail(error: ArmError, target: str) -> dict[str, Any]:
    said = error.body["error"]
    return {**said, "target": said.get("target") or target}


def refuse_resources(found: Plan, name: str, details: Sequence[dict[str, Any]]) -> None:
    """Raises ArmError where there is anything."""
    if details:
        shown = found.hidden.hide(list(details[:MAX_DETAILS]))
        raise ArmError(
            "InvalidTemplateDeployment",
            f"The template deployment '{name[:64]}' is not valid according to the validation procedure: "
            f"{shown[0]['message']} See inner errors for details.",
            details=shown,
        )
