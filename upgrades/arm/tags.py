"""Microsoft.Resources/tags: the tags of the subscription, of a group or of a resource, under one address each; and which tags there are."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from upgrades.arm import ids, scale_sets
from upgrades.arm.answers import Answer, everything
from upgrades.arm.errors import ArmError, group_not_found, not_found
from upgrades.arm.requests import OPERATOR, Call, needs, resource
from upgrades.commands.model_update import change_model
from upgrades.commands.references import rows_of
from upgrades.commands.resource_groups import change_resource_group
from upgrades.commands.resources import change_resource, path_of
from upgrades.commands.subscription_tags import change_subscription_tags
from upgrades.core import limits
from upgrades.core.json_edit import edited
from upgrades.core.json_fields import BadDocument, check_tags, get_field, read_object, read_str
from upgrades.core.resource_kinds import ResourceKind, kinds
from upgrades.core.typed import as_text, tags_of
from upgrades.models import LoadBalancer, ResourceGroup, ScaleSet, StoredResource
from upgrades.models.resource_group import existing

Tags = Mapping[str, str]
Change = Callable[[Tags], Tags]
TYPE = "Microsoft.Resources/tags"
OPERATIONS = ("Replace", "Merge", "Delete")


@dataclass(frozen=True, slots=True)
class Scope:
    """What has tags. `change`: makes new ones of the present ones."""

    id: str
    tags: Tags
    change: Callable[[Change], object]


# --- scopes -----------------------------------------------------------------------------------------------------------


def _subscription(call: Call) -> Scope:
    return Scope(ids.of_subscription(call.subscription), call.subscription.tags, change_subscription_tags)


def _group(call: Call, group: str) -> Scope:
    row = existing().filter(key=group.lower()).first()
    if row is None:
        raise group_not_found(group)

    def change(make: Change) -> None:
        def edit(found: ResourceGroup | None) -> Mapping[str, Any]:
            if found is None:
                raise group_not_found(group)
            document = _with_tags(make, found.document)
            limits.check_tags(document, found.document)
            return document

        change_resource_group(row.name, row.location, edit)

    return Scope(ids.of_resource_group(call.subscription, row), tags_of(row.document), change)


def _resource(call: Call, group: str, namespace: str, type: str, name: str) -> Scope:
    if f"{namespace}/{type}".lower() == ids.SCALE_SETS.lower():
        return _scale_set(call, group, name)
    kind = kinds().get(f"{namespace}/{type}".lower())
    if kind is None:
        message = f"The resource type '{type[:80]}' could not be found in the namespace '{namespace[:80]}', so it has no tags."
        raise ArmError("InvalidResourceType", message)
    return _stored(call, kind, group, name)


def _scale_set(call: Call, group: str, name: str) -> Scope:
    row = scale_sets.find(group, name)

    def change(make: Change) -> None:
        change_model(str(row), partial(_of_found, make, not_found(ids.SCALE_SETS, group, name)), call.now)

    return Scope(ids.of_scale_set(call.subscription, row), row.tags, change)


def _stored(call: Call, kind: ResourceKind, group: str, name: str) -> Scope:
    row = rows_of(kind).filter(key=ScaleSet.key_of(group, name)).first()
    missing = not_found(kind.type, group, name)
    if row is None:
        scale_sets.check_group(group)
        raise missing

    def change(make: Change) -> None:
        change_resource(path_of(kind, row.resource_group, row.name), partial(_of_found, make, missing), call.now)

    return Scope(ids.of_resource(call.subscription, kind, row), tags_of(row.document), change)


def _of_found(make: Change, missing: ArmError, row: Any) -> Mapping[str, Any]:
    if row is None:
        raise missing
    return _with_tags(make, row.document)


def _with_tags(make: Change, document: Mapping[str, Any]) -> dict[str, Any]:
    return edited(document, ("tags",), make(tags_of(document)))


# --- what is asked ----------------------------------------------------------------------------------------------------


def _shown(scope: Scope, tags: Tags) -> Answer:
    body = {"id": f"{scope.id}/providers/{TYPE}/default", "name": "default", "type": TYPE}
    return Answer({**body, "properties": {"tags": dict(tags)}})


def _changed(scope: Scope, make: Change) -> Answer:
    made: list[Tags] = []

    def noted(before: Tags) -> Tags:
        made.append(make(before))
        return made[-1]

    scope.change(noted)
    return _shown(scope, made[-1])


def _given(call: Call) -> dict[str, str]:
    properties = read_object(call.object_body(), "properties")
    if get_field(properties, "tags") is None:
        raise BadDocument("properties.tags is missing", target="properties.tags", code="InvalidRequestContent")
    check_tags(properties)
    limits.check_tags(properties, None)
    return {name: str(as_text(value)) for name, value in read_object(properties, "tags").items()}


def _merged(given: Tags, before: Tags) -> dict[str, str]:
    """Names are compared in any case; a tag that is there keeps the spelling of its name."""
    spelled = {name.lower(): name for name in before}
    return {**before, **{spelled.get(name.lower(), name): value for name, value in given.items()}}


def _without(given: Tags, before: Tags) -> dict[str, str]:
    """A tag goes where name and value are the same."""
    going = {(name.lower(), value) for name, value in given.items()}
    return {name: value for name, value in before.items() if (name.lower(), value) not in going}


def _operation(call: Call, given: Tags) -> Change:
    operation = read_str(call.object_body(), "operation", required=True)
    if operation.lower() not in {known.lower() for known in OPERATIONS}:
        message = f"operation is one of {', '.join(OPERATIONS)}, not {operation[:40]!r}"
        raise BadDocument(message, target="operation")
    makers = {"merge": partial(_merged, given), "delete": partial(_without, given)}
    return makers.get(operation.lower(), lambda before: given)


def _views(find: Callable[..., Scope]) -> Any:
    """The view of one kind of scope."""

    def show(call: Call, **names: str) -> Answer:
        scope = find(call, **names)
        return _shown(scope, scope.tags)

    @needs(OPERATOR)
    def put(call: Call, **names: str) -> Answer:
        scope, given = find(call, **names), _given(call)
        return _changed(scope, lambda before: given)

    @needs(OPERATOR)
    def patch(call: Call, **names: str) -> Answer:
        scope, given = find(call, **names), _given(call)
        return _changed(scope, _operation(call, given))

    @needs(OPERATOR)
    def delete(call: Call, **names: str) -> Answer:
        _changed(find(call, **names), lambda before: {})
        return Answer(status=200)

    return resource(GET=show, PUT=put, PATCH=patch, DELETE=delete)


# --- which there are --------------------------------------------------------------------------------------------------


def names(call: Call) -> Answer:
    """GET .../tagNames: every tag of everything, with how often it is used. Names are compared in any case."""
    documents: list[Any] = [{"tags": call.subscription.tags}]
    for model in (ResourceGroup, ScaleSet, LoadBalancer, StoredResource):
        documents += model._default_manager.values_list("document", flat=True)
    used: dict[str, Counter[str]] = {}
    spelled: dict[str, str] = {}
    for document in documents:
        for name, value in tags_of(document).items():
            used.setdefault(spelled.setdefault(name.lower(), name), Counter())[value] += 1
    return everything([_name(call, name, used[name]) for name in sorted(used, key=str.lower)])


def _name(call: Call, name: str, values: Counter[str]) -> dict[str, Any]:
    id = f"{ids.of_subscription(call.subscription)}/tagNames/{name}"
    shown = [
        {"id": f"{id}/tagValues/{value}", "tagValue": value, "count": _count(number)}
        for value, number in sorted(values.items())
    ]
    return {"id": id, "tagName": name, "count": _count(values.total()), "values": shown}


def _count(number: int) -> dict[str, Any]:
    return {"type": "Total", "value": number}


OF_SUBSCRIPTION = _views(_subscription)
OF_GROUP = _views(_group)
OF_RESOURCE = _views(_resource)
NAMES = resource(GET=names)
