"""Every kind of stored resource (core/resource_kinds.py), and their parts, which are resources of their own: subnets, pools, rules."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from upgrades.arm import ids, resource_filling
from upgrades.arm.answers import Answer, everything, page
from upgrades.arm.conditions import check_conditions
from upgrades.arm.errors import not_found
from upgrades.arm.leaving_out import is_whole_resource, part_without_left_out, without_left_out
from upgrades.arm.merge import merged, tags_alone, without_read_only
from upgrades.arm.options import SKIP_TOKEN, takes
from upgrades.arm.requests import ADMIN, OPERATOR, Call, is_there, needs, resource
from upgrades.arm.scale_sets import MAX_WARNINGS, check_group, warning
from upgrades.arm.spelling import Names
from upgrades.commands.references import rows_of
from upgrades.commands.resources import change_resource, delete_resource, path_of
from upgrades.core import typed, unknown_fields
from upgrades.core.azure_types import element, fields_of
from upgrades.core.json_edit import edited
from upgrades.core.json_fields import get_field
from upgrades.core.resource_kinds import ResourceKind, part_of
from upgrades.models import ScaleSet
from upgrades.models.stored_resource import ResourceDocument

Body = Mapping[str, Any]


def render(call: Call, kind: ResourceKind, row: ResourceDocument) -> dict[str, Any]:
    body, id = resource_filling.resource(row.document, kind), ids.of_resource(call.subscription, kind, row)
    state = resource_filling.SUCCEEDED if resource_filling.has_state(kind) else {}
    properties = {**body["properties"], **resource_filling.added(call.subscription, kind, id), **state}
    for part in kind.parts:
        if isinstance(properties.get(part), list):
            properties[part] = [_render_part(kind, id, part, value) for value in properties[part]]
    own = {"id": id, "name": row.name, "type": kind.type, "location": row.location.name, "etag": etag(row)}
    return {**body, **own, "properties": properties}


def _render_part(kind: ResourceKind, id: str, part: str, value: Any) -> Any:
    name = get_field(value, "name")
    if not isinstance(value, Mapping) or not isinstance(name, str):
        return value
    properties = {**(value.get("properties") or {}), **resource_filling.SUCCEEDED}
    own = {"id": f"{id}/{part}/{name}", "type": f"{kind.type}/{part}"}
    return {**value, **own, "properties": properties}


def etag(row: ResourceDocument) -> str:
    text = json.dumps(row.document, sort_keys=True)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def plain(body: Body, kind: ResourceKind) -> dict[str, Any]:
    """Without what only the server says, of it and of its parts."""
    kept: dict[str, Any] = typed.without_read_only(without_read_only(body), kind.model)
    name = Names(kept).find("properties")
    if isinstance(kept.get(name), Mapping):
        parts = {part.lower() for part in kind.parts}
        kept[name] = {key: _plain_parts(value) if key.lower() in parts else value for key, value in kept[name].items()}
    return kept


def _plain_parts(parts: Any) -> Any:
    return [plain_part(part) if isinstance(part, Mapping) else part for part in parts] if _is_list(parts) else parts


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def plain_part(part: Body) -> dict[str, Any]:
    name = Names(part).find("name")
    return {**({name: part[name]} if name in part else {}), **without_read_only(part)}


@dataclass(frozen=True)
class Resources:
    """What answers for one kind."""

    kind: ResourceKind

    # --- what is shown ------------------------------------------------------------------------------------------------

    def _find(self, group: str, name: str) -> Any:
        """Raises ArmError."""
        row = rows_of(self.kind).select_related("location").filter(key=ScaleSet.key_of(group, name)).first()
        if row is None:
            check_group(group)
            raise not_found(self.kind.type, group, name)
        return row

    def _render_all(self, call: Call, rows: Sequence[ResourceDocument]) -> list[dict[str, Any]]:
        return [render(call, self.kind, row) for row in rows]

    def show(self, call: Call, group: str, name: str) -> Answer:
        row = self._find(group, name)
        return Answer(render(call, self.kind, row), headers={"ETag": etag(row)})

    @takes(SKIP_TOKEN)
    def of_subscription(self, call: Call) -> Answer:
        return page(call, rows_of(self.kind).select_related("location"), partial(self._render_all, call))

    @takes(SKIP_TOKEN)
    def of_group(self, call: Call, group: str) -> Answer:
        check_group(group)
        rows = rows_of(self.kind).select_related("location").filter(key__startswith=ScaleSet.keys_in(group))
        return page(call, rows, partial(self._render_all, call))

    # --- what is changed ----------------------------------------------------------------------------------------------

    @needs(ADMIN)
    def put(self, call: Call, group: str, name: str) -> Answer:
        return self._change(call, path_of(self.kind, group, name), call.object_body(), removes=False)

    @needs(OPERATOR)
    def patch(self, call: Call, group: str, name: str) -> Answer:
        """Tags, as Azure has it."""
        row = self._find(group, name)
        tags = tags_alone(call.object_body(), self.kind.model, render(call, self.kind, row))
        path = path_of(self.kind, row.resource_group, row.name)
        return self._change(call, path, tags, removes=True)

    def _change(self, call: Call, path: str, given: Body, *, removes: bool) -> Answer:
        row, is_new = change_resource(path, partial(self._edited, call, given, removes), call.now)
        status = 201 if is_new and self.kind.says_created else 200
        return Answer(render(call, self.kind, row), status, _headers(self.kind, row))

    def _edited(self, call: Call, given: Body, removes: bool, row: ResourceDocument | None) -> Body:
        """The document that the request makes of what is there."""
        check_conditions(call, etag(row) if row else None)
        unknown_fields.check_request(given, self.kind.model, row.document if row else None)
        sent = plain(given, self.kind)
        if row is None:
            return sent
        shown = plain(render(call, self.kind, row), self.kind)
        document = merged(row.document, sent, shown, removes=removes)
        if removes or not is_whole_resource(given):
            return document
        return without_left_out(document, sent, shown, self.kind.model, call.version)

    @needs(ADMIN)
    def delete(self, call: Call, group: str, name: str) -> Answer:
        row = rows_of(self.kind).filter(key=ScaleSet.key_of(group, name)).first()
        if row is None:
            return Answer(status=204)
        check_conditions(call, etag(row))
        delete_resource(path_of(self.kind, row.resource_group, row.name))
        return Answer(status=200)


def _headers(kind: ResourceKind, row: ResourceDocument) -> dict[str, str]:
    headers = {"ETag": etag(row)}
    strange = islice(unknown_fields.find_unknown(row.document, kind.model), MAX_WARNINGS + 1)
    if says := [field.message for field in strange]:
        headers["Warning"] = warning(says)
    return headers


@dataclass(frozen=True)
class Parts:
    """What answers for one list of parts of a kind."""

    whole: Resources
    part: str

    @property
    def kind(self) -> ResourceKind:
        return self.whole.kind

    @property
    def type(self) -> str:
        """Of one part, in azure_types."""
        listed = fields_of(f"{self.kind.model}.properties").get(self.part.lower())
        return element(listed.type) if listed else ""

    def every(self, call: Call, group: str, name: str) -> Answer:
        row = self.whole._find(group, name)
        return everything(render(call, self.kind, row)["properties"].get(self.part) or [])

    def show(self, call: Call, group: str, name: str, part: str) -> Answer:
        row = self.whole._find(group, name)
        found = part_of(render(call, self.kind, row), self.part, part)
        if found is None:
            raise not_found(f"{self.kind.type}/{name}/{self.part}", group, part)
        return Answer(found, headers={"ETag": etag(row)})

    @needs(ADMIN)
    def put(self, call: Call, group: str, name: str, part: str) -> Answer:
        row, given = self.whole._find(group, name), call.object_body()
        is_new = part_of(row.document, self.part, part) is None
        path = path_of(self.kind, row.resource_group, row.name)
        row, _ = change_resource(path, partial(self._with_part, call, group, name, part, given), call.now)
        shown = part_of(render(call, self.kind, row), self.part, part)
        return Answer(shown, 201 if is_new else 200, _headers(self.kind, row))

    def _with_part(
        self, call: Call, group: str, name: str, part: str, given: Body, row: ResourceDocument | None
    ) -> Body:
        """The resource's document with that part as given; raises ArmError where it is gone meanwhile."""
        row = row or self.whole._find(group, name)
        before = part_of(row.document, self.part, part)
        check_conditions(call, etag(row) if before else None)
        unknown_fields.check_request(given, self.type, before)
        sent = plain_part({key: value for key, value in given.items() if key.lower() != "name"})
        shown = plain_part(part_of(render(call, self.kind, row), self.part, part) or {})
        after = {"name": part, **merged(before or {}, typed.without_read_only(sent, self.type), shown, removes=False)}
        if before is not None:
            after = part_without_left_out(after, sent, shown, self.type, call.version)
        return self._replaced(row.document, part, after)

    def _replaced(self, document: Body, part: str, after: Body | None) -> dict[str, Any]:
        """`after` None: without it."""
        given = get_field(document, "properties", self.part) or []
        kept, is_there = [], False
        for value in given:
            is_it = str(get_field(value, "name")).lower() == part.lower()
            is_there = is_there or is_it
            kept += [after] if is_it and after is not None else [] if is_it else [value]
        kept += [after] if after is not None and not is_there else []
        return edited(document, ("properties", self.part), kept)

    @needs(ADMIN)
    def delete(self, call: Call, group: str, name: str, part: str) -> Answer:
        row = rows_of(self.kind).filter(key=ScaleSet.key_of(group, name)).first()
        if row is None or part_of(row.document, self.part, part) is None:
            return Answer(status=204)

        def without(row: ResourceDocument | None) -> Body:
            row = row or self.whole._find(group, name)
            check_conditions(call, etag(row))
            return self._replaced(row.document, part, None)

        change_resource(path_of(self.kind, row.resource_group, row.name), without, call.now)
        return Answer(status=200)


def routes(kind: ResourceKind) -> list[tuple[str, Any]]:
    """(path behind ".../providers/", the view) of all addresses within a group."""
    face, base = Resources(kind), kind.type.lower()
    found: list[tuple[str, Any]] = [
        (base, resource(kind.namespace, GET=face.of_group)),
        (
            f"{base}/{{name}}",
            resource(
                kind.namespace,
                GET=face.show,
                HEAD=is_there(face.show),
                PUT=face.put,
                PATCH=face.patch,
                DELETE=face.delete,
            ),
        ),
    ]
    for part in kind.parts:
        parts = Parts(face, part)
        writes: dict[str, Callable[..., Answer]] = (
            {"PUT": parts.put, "DELETE": parts.delete} if part in kind.put_alone else {}
        )
        its = f"{base}/{{name}}/{part.lower()}"
        found += [
            (its, resource(kind.namespace, GET=parts.every)),
            (
                f"{its}/{{part}}",
                resource(kind.namespace, GET=parts.show, HEAD=is_there(parts.show), **writes),
            ),
        ]
    return found


def of_subscription(kind: ResourceKind) -> Any:
    return resource(kind.namespace, GET=Resources(kind).of_subscription)
