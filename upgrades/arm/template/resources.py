"""The resources of a template: loops and nesting unfolded, each with its id and with those that must be there before it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from upgrades.arm.template.documents import FIELDS_OF_RESOURCE_LOOPS, computed, indices
from upgrades.arm.template.errors import TemplateError
from upgrades.arm.template.evaluation import parsed
from upgrades.arm.template.expressions import Call, Element, Node, is_expression
from upgrades.arm.template.functions.ids import provider_path
from upgrades.arm.template.scope import Reference, Scope, not_yet
from upgrades.arm.template.values import Value, spelled, type_name

MAX_RESOURCES = 800  # Azure's limit
# What says how a resource is deployed, and is not part of it.
AROUND = {"apiversion", "condition", "copy", "dependson", "resources", "scope", "comments", "metadata", "existing"}
# What says where a nested deployment goes.
PLACES = {"resourcegroup", "subscriptionid"}
DEPLOYMENT = "microsoft.resources/deployments"
RESOURCE_GROUP = "microsoft.resources/resourcegroups"
# Functions that ask a resource, which must be there before.
ASKING = ("reference", "list")


@dataclass(slots=True)
class Resource:
    """One resource. `written`: as the template says it; `copies`: the indices of the loops around it.

    `names`: what dependsOn may call it beside its id. `depends_on`: ids of others of the template.
    """

    id: str
    type: str
    name: str
    api_version: str
    written: Mapping[str, Any]
    place: str
    is_wanted: bool
    copies: dict[str, int]
    names: set[str] = field(default_factory=set)
    depends_on: list[str] = field(default_factory=list)

    def body(self, scope: Scope, reference: Reference = not_yet) -> dict[str, Value]:
        """The document that is put. `reference` answers what expressions ask of other resources. Raises TemplateError.

        The template of a nested deployment stays as it is written. If its expressions belong to the outer template, it gets the
        parameters, variables and functions of that.
        """
        inner = {name: value for name, value in self.written.items() if name.lower() not in AROUND | PLACES}
        nested: dict[str, Value] = {}
        if self.is_deployment and isinstance(properties := inner.get("properties"), dict):
            nested = {name: value for name, value in properties.items() if name.lower() == "template"}
            inner["properties"] = {name: value for name, value in properties.items() if name not in nested}
        with self.within_loops(scope):
            before, scope.reference = scope.reference, reference
            try:
                found: dict[str, Value] = computed(scope, inner, self.place)
            finally:
                scope.reference = before
        if nested:
            found["properties"] |= nested
            if not self.has_own_scope:
                found["properties"] |= _in_outer_scope(scope, found["properties"], self.place)
        return {**found, "name": self.name, "type": self.type}

    @property
    def info(self) -> dict[str, str]:
        return {"id": self.id, "name": self.name, "type": self.type, "apiVersion": self.api_version}

    @property
    def is_deployment(self) -> bool:
        return self.type.lower() == DEPLOYMENT

    @property
    def has_own_scope(self) -> bool:
        """Whether the expressions of a nested template are computed in its own scope: not, where it does not say so."""
        options = _field(_field(self.written, "properties"), "expressionEvaluationOptions")
        return str(_field(options, "scope")).lower() == "inner"

    @contextmanager
    def within_loops(self, scope: Scope) -> Iterator[None]:
        """As long as this lasts, the loops around the resource are where it was made."""
        with ExitStack() as stack:
            for loop, index in self.copies.items():
                stack.enter_context(scope.at(loop, index))
            yield


def _field(of: Value, name: str) -> Value:
    return of.get(spelled(of, name) or "") if isinstance(of, dict) else None


# What a nested template has from the outer one, where its expressions belong to that.
OUTER = ("parameters", "variables", "functions", "definitions")


def _in_outer_scope(scope: Scope, properties: Mapping[str, Any], place: str) -> dict[str, Value]:
    """The members of a nested deployment's properties that make its expressions see what is around it. Raises TemplateError."""
    its_own = _field(dict(properties), "template")
    if not isinstance(its_own, dict):
        raise TemplateError("must be an object", f"{place}.properties.template")
    if properties.get(spelled(properties, "parameters") or ""):
        message = (
            'a nested template in the outer scope has no parameters; set expressionEvaluationOptions.scope to "inner"'
        )
        raise TemplateError(message, f"{place}.properties.parameters")
    kept = {name: value for name, value in its_own.items() if name.lower() not in OUTER}
    outer = {name: value for name, value in scope.template.items() if name.lower() in OUTER}
    values = {name: {"value": scope.parameter(name)} for name in {**scope.defaults, **scope.parameters}}
    name = spelled(properties, "template") or "template"
    return {name: {**kept, **outer}, spelled(properties, "parameters") or "parameters": values}


def unfolded(scope: Scope, written: Value) -> list[Resource]:
    """All resources, each after those that it depends on. Raises TemplateError: a name that is missing or twice, a circle, too many."""
    found: list[Resource] = []
    for place, symbol, each in _top_level(written):
        for resource in _unfolded(scope, each, place, symbol, None):
            found.append(resource)
            if len(found) > MAX_RESOURCES:
                raise TemplateError(f"a template has at most {MAX_RESOURCES} resources", "resources")
            scope.infos |= {name.lower(): resource.info for name in resource.names}
    _check_once(found)
    by_name: dict[str, list[Resource]] = {}
    for resource in found:
        for name in {resource.id.lower(), *(name.lower() for name in resource.names)}:
            by_name.setdefault(name, []).append(resource)
    for resource in found:
        resource.depends_on = list(dict.fromkeys(_dependencies(scope, resource, by_name)))
    return _in_order(found)


def _top_level(written: Value) -> list[tuple[str, str, Value]]:
    """(place, symbolic name or "", resource) of those that are not nested in others."""
    if isinstance(written, dict):
        return [(f"resources.{name}", name, resource) for name, resource in written.items()]
    if isinstance(written, list):
        return [(f"resources[{index}]", "", resource) for index, resource in enumerate(written)]
    raise TemplateError("must be an array, or an object by symbolic names", "resources")


def _unfolded(scope: Scope, written: Value, place: str, symbol: str, parent: Resource | None) -> Iterator[Resource]:
    if not isinstance(written, dict):
        raise TemplateError("must be an object", place)
    loop = written.get(spelled(written, "copy") or "")
    if loop is None:
        yield from _single(scope, written, place, {symbol} if symbol else set(), parent)
        return
    if not isinstance(loop, dict) or not {name.lower() for name in loop} <= FIELDS_OF_RESOURCE_LOOPS:
        raise TemplateError("must be an object with name and count", f"{place}.copy")
    name, batches = loop.get("name") or symbol, _Batches(_batch_size(scope, loop, f"{place}.copy"))
    for index in indices(scope.evaluation(), loop, f"{place}.copy"):
        with scope.at(str(name), index):
            names = {str(name), *([symbol, f"{symbol}[{index}]"] if symbol else [])}
            made = list(_single(scope, written, place, names, parent))
        batches.add(made[0])
        scope.collections.setdefault(symbol.lower(), []).append(made[0].id)
        yield from made


@dataclass(slots=True)
class _Batches:
    """The resources of a loop that are deployed so many at a time; `size` None: all at once."""

    size: int | None
    before: list[str] = field(default_factory=list)
    present: list[str] = field(default_factory=list)

    def add(self, resource: Resource) -> None:
        """It waits for those of the batch before."""
        if self.size is None or not resource.is_wanted:
            return
        if len(self.present) == self.size:
            self.before, self.present = self.present, []
        resource.depends_on += self.before
        self.present.append(resource.id)


def _batch_size(scope: Scope, loop: Mapping[str, Any], place: str) -> int | None:
    """Raises TemplateError."""
    mode = str(_field(dict(loop), "mode") or "parallel").lower()
    if mode not in ("serial", "parallel"):
        raise TemplateError(f"must be serial or parallel, not {mode[:40]!r}", f"{place}.mode")
    size = computed(scope, _field(dict(loop), "batchSize"), f"{place}.batchSize")
    if size is not None and (type_name(size) != "int" or size < 1):
        raise TemplateError("must be an int of 1 or more", f"{place}.batchSize")
    return (size or 1) if mode == "serial" else None


def _single(
    scope: Scope, written: Mapping[str, Any], place: str, names: set[str], parent: Resource | None
) -> Iterator[Resource]:
    kind, name, version = (_text(scope, written, each, place) for each in ("type", "name", "apiVersion"))
    if parent and not kind.lower().startswith(f"{parent.type.lower()}/"):
        kind = f"{parent.type}/{kind}"
    if parent and not name.lower().startswith(f"{parent.name.lower()}/"):
        name = f"{parent.name}/{name}"
    path = _path(kind, name, place)
    resource = Resource(
        _id(scope, written, kind.rstrip("/"), name, path, place),
        kind.rstrip("/"),
        name,
        version,
        written,
        place,
        _is_wanted(scope, written, place) and (parent is None or parent.is_wanted),
        dict(scope.copies),
        {
            *(*names, name, path.removeprefix("providers/"), f"{kind.rstrip('/')}/{name}"),
            *((f"{scope.place.target_id}/{path}",) if kind.lower() == RESOURCE_GROUP else ()),
        },
        [parent.id] if parent else [],
    )
    yield resource
    for index, child in enumerate(written.get(spelled(written, "resources") or "") or []):
        yield from _unfolded(scope, child, f"{place}.resources[{index}]", "", resource)


def _id(scope: Scope, written: Mapping[str, Any], kind: str, name: str, path: str, place: str) -> str:
    """A resource group is in the subscription; a nested deployment, and what is there already, where it says."""
    if kind.lower() == RESOURCE_GROUP:
        return f"{scope.place.subscription_id}/resourceGroups/{name}"
    if kind.lower() != DEPLOYMENT and _field(dict(written), "existing") is not True:
        return f"{scope.place.target_id}/{path}"
    subscription, group = scope.place.subscription_id, _field(dict(written), "resourceGroup")
    if _field(dict(written), "subscriptionId") is not None:
        subscription = f"/subscriptions/{_text(scope, written, 'subscriptionId', place)}"
    if group is not None:
        return f"{subscription}/resourceGroups/{_text(scope, written, 'resourceGroup', place)}/{path}"
    return f"{subscription if subscription != scope.place.subscription_id else scope.place.target_id}/{path}"


def _path(kind: str, name: str, place: str) -> str:
    try:
        return provider_path("the name", kind, tuple(name.split("/")))
    except TemplateError as error:
        raise TemplateError(error.message, f"{place}.name") from None


def _text(scope: Scope, written: Mapping[str, Any], name: str, place: str) -> str:
    value = written.get(spelled(written, name) or "")
    if isinstance(value, str):
        value = scope.evaluation().text(value, f"{place}.{name}")
    if not isinstance(value, str) or not value:
        raise TemplateError(f"must be a string that is not empty, not {type_name(value)}", f"{place}.{name}")
    return value


def _is_wanted(scope: Scope, written: Mapping[str, Any], place: str) -> bool:
    if written.get(spelled(written, "existing") or "") is True:
        return False
    value = computed(scope, written.get(spelled(written, "condition") or "", True), f"{place}.condition")
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise TemplateError(f"must be bool, not {type_name(value)}", f"{place}.condition")
    return value


def _check_once(found: Sequence[Resource]) -> None:
    places: dict[str, str] = {}
    count = 0
    for resource in found:
        if not resource.is_wanted:
            continue
        first = places.setdefault(resource.id.lower(), resource.place)
        if len(places) == count:
            raise TemplateError(f"{resource.type} {resource.name!r} is there already, as {first}", resource.place)
        count += 1


def _dependencies(scope: Scope, resource: Resource, by_name: Mapping[str, Sequence[Resource]]) -> Iterator[str]:
    yield from resource.depends_on
    with resource.within_loops(scope):
        first_places = {name: number for number, name in reversed(list(enumerate(_listed(scope, resource))))}
        for name, number in first_places.items():
            others = by_name.get(name.strip("/").lower()) or by_name.get(name.lower())
            if not others:
                raise TemplateError(f"{name!r} is not in the template", f"{resource.place}.dependsOn[{number}]")
            yield from (other.id for other in others if other is not resource)
        for name in _asked(scope, resource.written):
            yield from (other.id for other in by_name.get(name.lower(), ()) if other is not resource)


def _listed(scope: Scope, resource: Resource) -> list[str]:
    place = f"{resource.place}.dependsOn"
    names = computed(scope, resource.written.get(spelled(resource.written, "dependsOn") or "", []), place)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise TemplateError("must be an array of strings", place)
    return names


def _asked(scope: Scope, written: Value) -> Iterator[str]:
    """The ids or names of what expressions ask, where they can be computed before."""
    for text in _texts(written):
        for node in _nodes(parsed(text)):
            if isinstance(node, Call) and node.name.lower().startswith(ASKING) and node.arguments:
                try:
                    yield str(scope.evaluation().value(node.arguments[0]))
                except TemplateError:
                    continue  # it depends on an answer itself, or is refused when the body is computed


def _texts(written: Value) -> Iterator[str]:
    if isinstance(written, str):
        if is_expression(written) and any(name in written.lower() for name in ASKING):
            yield written
    elif isinstance(written, dict):
        for name, each in written.items():
            if name.lower() != "resources":  # those are resources of their own
                yield from _texts(each)
    elif isinstance(written, list):
        for each in written:
            yield from _texts(each)


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    inner: Iterable[Node] = ()
    if isinstance(node, Call):
        inner = node.arguments
    elif isinstance(node, Element):
        inner = (node.of, node.key)
    for each in inner:
        yield from _nodes(each)


def _in_order(found: Sequence[Resource]) -> list[Resource]:
    """Each after those that it depends on, otherwise as in the template. Raises TemplateError where there is a circle."""
    waits, waiting = {}, dict[str, list[int]]()
    for index, resource in enumerate(found):
        others = set(resource.depends_on) - {resource.id}
        waits[index] = len(others)
        for other in others:
            waiting.setdefault(other, []).append(index)
    order: list[int] = []
    ready = [index for index, count in waits.items() if not count]
    gone: set[str] = set()
    while ready:
        order += ready
        ids = {found[index].id for index in ready} - gone
        gone |= ids
        freed = [index for id in ids for index in waiting.get(id, ())]
        for index in freed:
            waits[index] -= 1
        ready = sorted({index for index in freed if not waits[index]})
    if len(order) < len(found):
        left = sorted(set(waits) - set(order))
        names = ", ".join(found[index].name for index in left[:10])
        raise TemplateError(f"these resources depend on each other: {names}", found[left[0]].place)
    return [found[index] for index in order]
