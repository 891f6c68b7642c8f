"""Microsoft.Compute/virtualMachineScaleSets/extensions: the extensions of a scale set's model, each as a resource of its own.

They are a part of the scale set's document, virtualMachineProfile.extensionProfile.extensions, and are stored nowhere else.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from upgrades.arm import ids, operations
from upgrades.arm.answers import Answer, everything
from upgrades.arm.conditions import check_conditions
from upgrades.arm.errors import ArmError, not_found
from upgrades.arm.leaving_out import without_left_out_of_extension
from upgrades.arm.merge import merged, without_read_only
from upgrades.arm.requests import ADMIN, Call, is_there, needs, resource
from upgrades.arm.scale_sets import etag, find, shown, warning
from upgrades.commands.model_update import change_model
from upgrades.commands.scale_sets import PutResult
from upgrades.core import azure_types, secrets, typed, unknown_fields
from upgrades.core.json_edit import edited
from upgrades.core.json_fields import get_field, read_object
from upgrades.core.spellings import without_field
from upgrades.models import ScaleSet
from upgrades.models.async_operation import RequestKind

EXTENSIONS = ("properties", "virtualMachineProfile", "extensionProfile", "extensions")
Extension = Mapping[str, Any]


# --- what is shown ----------------------------------------------------------------------------------------------------


def extensions_of(document: Any) -> list[Extension]:
    """Those of a scale set's document, as it is stored or as clients see it."""
    return [each for each in get_field(document, *EXTENSIONS) or [] if secrets.name_of(each) is not None]


def _render(call: Call, row: ScaleSet, extension: Extension) -> dict[str, Any]:
    name = str(get_field(extension, "name"))
    properties = {**(get_field(extension, "properties") or {}), "provisioningState": "Succeeded"}
    id = f"{ids.of_scale_set(call.subscription, row)}/extensions/{name}"
    return {**extension, "id": id, "name": name, "type": ids.EXTENSIONS, "properties": properties}


def show(call: Call, group: str, name: str, extension: str) -> Answer:
    row = find(group, name)
    found = _named(extensions_of(shown(row)), extension)
    if found is None:
        raise _no_such(row, extension)
    return Answer(_render(call, row, found), headers={"ETag": etag(row)})


def of_scale_set(call: Call, group: str, name: str) -> Answer:
    row = find(group, name)
    return everything([_render(call, row, extension) for extension in extensions_of(shown(row))])


def _named(extensions: list[Extension], name: str) -> Extension | None:
    return next((each for each in extensions if secrets.name_of(each) == name.lower()), None)


def _no_such(row: ScaleSet, extension: str) -> ArmError:
    return not_found(f"{ids.SCALE_SETS}/{row.name}/extensions", row.resource_group, extension[:80])


# --- what is changed --------------------------------------------------------------------------------------------------


@needs(ADMIN)
def put(call: Call, group: str, name: str, extension: str) -> Answer:
    if not read_object(call.object_body(), "properties"):
        message = "properties is missing: it has publisher, type and typeHandlerVersion of the extension"
        raise ArmError("InvalidParameter", message, target="properties")
    return _change(call, group, name, extension, removes=False)


@needs(ADMIN)
def patch(call: Call, group: str, name: str, extension: str) -> Answer:
    row = find(group, name)
    if _named(extensions_of(row.document), extension) is None:
        raise _no_such(row, extension)
    return _change(call, group, name, extension, removes=True)


def _change(call: Call, group: str, name: str, extension: str, *, removes: bool) -> Answer:
    """A change of the model, as a PATCH of the scale set is. `removes`: a null takes a field away."""
    row = find(group, name)
    given = _given(call, extension)
    is_new = _named(extensions_of(row.document), extension) is None
    removed_secrets = _removed_secrets(given, extension) if removes else frozenset()
    edit = partial(_edited, call, str(row), extension, given, removes=removes)
    done = change_model(str(row), edit, call.now, removed_secrets=removed_secrets)
    found = _named(extensions_of(shown(done.scale_set)), extension)
    assert found is not None
    return Answer(_render(call, done.scale_set, found), 201 if is_new else 200, _headers(call, done))


def _headers(call: Call, done: PutResult) -> dict[str, str]:
    headers = {"ETag": etag(done.scale_set), "Retry-After": "1"}
    if done.changed:
        headers |= operations.begun(call, RequestKind.PUT, done.scale_set)
    if done.warnings:
        headers["Warning"] = warning(done.warnings)
    return headers


def _given(call: Call, extension: str) -> dict[str, Any]:
    """What the body says of the extension; its name is the address's. Raises ArmError, BadDocument."""
    body = call.object_body()
    name = get_field(body, "name")
    if isinstance(name, str) and name.lower() != extension.lower():
        message = f"the extension is called {extension[:80]!r} in the address and {name[:80]!r} in the body"
        raise ArmError("InvalidParameter", message, target="name")
    given = without_read_only(body)
    for of_other_extensions in ("location", "tags"):  # which those of machines have
        given = without_field(given, of_other_extensions)
    unknown_fields.check_request(given, azure_types.EXTENSION, None)
    found: dict[str, Any] = typed.without_read_only(given, azure_types.EXTENSION)
    return found


def _removed_secrets(given: Extension, extension: str) -> frozenset[str]:
    """The places in the scale set's document."""
    document: dict[str, Any] = {}
    return secrets.removed_places(edited(document, EXTENSIONS, [{"name": extension, **given}]))


def _edited(
    call: Call, path: str, name: str, given: Extension, row: ScaleSet | None, *, removes: bool
) -> Mapping[str, Any]:
    """The scale set's document with this extension as the request wants it."""
    if row is None:
        group, _, scale_set = path.partition("/")
        raise not_found(ids.SCALE_SETS, group, scale_set)
    check_conditions(call, etag(row))
    extensions = list(get_field(row.document, *EXTENSIONS) or [])
    at = next((index for index, each in enumerate(extensions) if secrets.name_of(each) == name.lower()), None)
    if at is None:
        return edited(row.document, EXTENSIONS, [*extensions, {"name": name, **given}])
    as_shown = _named(extensions_of(shown(row)), name) or {}
    after = merged(extensions[at], given, as_shown, removes=removes)
    if not removes:
        after = without_left_out_of_extension(after, given, as_shown, call.version)
    return edited(row.document, EXTENSIONS, [*extensions[:at], after, *extensions[at + 1 :]])


@needs(ADMIN)
def delete(call: Call, group: str, name: str, extension: str) -> Answer:
    """Takes it out of the model; machines keep it until they are brought to the model."""
    row = find(group, name)
    if _named(extensions_of(row.document), extension) is None:
        return Answer(status=204)
    done = change_model(str(row), partial(_without, call, extension), call.now)
    headers = {"Warning": warning(done.warnings)} if done.warnings else {}
    return Answer(status=200, headers=headers)


def _without(call: Call, name: str, row: ScaleSet | None) -> Mapping[str, Any]:
    if row is None:
        raise ArmError("ResourceNotFound", "The scale set was deleted meanwhile.")
    check_conditions(call, etag(row))
    kept = [each for each in get_field(row.document, *EXTENSIONS) or [] if secrets.name_of(each) != name.lower()]
    return edited(row.document, EXTENSIONS, kept)


ONE = resource(ids.COMPUTE, GET=show, HEAD=is_there(show), PUT=put, PATCH=patch, DELETE=delete)
ALL = resource(ids.COMPUTE, GET=of_scale_set)
