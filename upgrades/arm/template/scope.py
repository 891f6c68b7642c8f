"""What an expression can reach around it: parameters, variables, the functions of the template's author, the place of the deployment."""

import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from upgrades.arm.template.documents import computed
from upgrades.arm.template.errors import TemplateError
from upgrades.arm.template.evaluation import Budget, Evaluation, Function
from upgrades.arm.template.functions import FUNCTIONS
from upgrades.arm.template.functions.dates import DEFAULT, formatted
from upgrades.arm.template.functions.ids import provider_path
from upgrades.arm.template.functions.table import Table
from upgrades.arm.template.values import Value, spelled

# Functions of Azure's that cannot have a meaning here, and why not; beside these all whose names begin with "list".
NO_PHYSICAL_ZONES = "locations have no physical zones here; zones 1, 2 and 3 are the same for all"
WITHOUT_MEANING = {
    **dict.fromkeys(("toLogicalZone", "toLogicalZones", "toPhysicalZone", "toPhysicalZones"), NO_PHYSICAL_ZONES),
    "externalInput": "it stands in files of parameters only, which are computed before they are sent",
    "managementGroup": "there are no management groups here",
    "getSecret": "secrets of key vaults cannot be read here: give the value as a parameter",
}
Reference = Callable[[str, bool], Value]  # of the id or name of a resource, and whether all of it is wanted


@dataclass(frozen=True, slots=True)
class Place:
    """Where a template is deployed. `group` and `subscription` are the answers of the functions resourceGroup and subscription.

    `group` is empty in a deployment of the subscription. `target`: the id of what the resources are put into, where that is not the group:
    a nested template whose expressions are computed in the outer one's place. `location`: of a deployment of the subscription. `link`:
    where the template was fetched, {} where it came with the request. `deployer`: who deploys. `types`: by namespace, what the function
    providers says.
    """

    deployment: str
    group: Mapping[str, Any]
    subscription: Mapping[str, Any]
    tenant: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    target: str = ""
    location: str = ""
    link: Mapping[str, Any] = field(default_factory=dict)
    deployer: Mapping[str, Any] = field(default_factory=dict)
    types: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)

    @property
    def target_id(self) -> str:
        """The id of the group, or subscription, that the resources are put into."""
        return self.target or str((self.group or self.subscription)["id"])

    @property
    def subscription_id(self) -> str:
        return str(self.subscription["id"])


def not_yet(name: str, is_full: bool) -> Value:
    raise TemplateError("reference has no meaning here: it can be computed only after the resource was deployed")


@dataclass(slots=True)
class Scope:
    """The functions of one template, and what they reach.

    `variables` and `defaults`: as the template says them; they are computed when they are first asked for. `loop_variables`: names of
    those variables that are arrays made by a loop; what is written of one is the loop, {"copy": [...]}. `copies`: the present index of
    each loop by its name in lower case, the innermost last. `reference`: what the function `reference` asks. `infos`: of resources by what
    they may be called, and `collections` the ids of those of one loop, by its symbolic name; names are in lower case. `depth`: of the
    calls around a function of the template.
    """

    place: Place
    now: datetime
    template: Mapping[str, Any]
    parameters: dict[str, Value]
    variables: Mapping[str, Value]
    loop_variables: Collection[str] = ()
    defaults: Mapping[str, Value] = field(default_factory=dict)
    copies: dict[str, int] = field(default_factory=dict)
    reference: Reference = not_yet
    infos: dict[str, dict[str, str]] = field(default_factory=dict)
    collections: dict[str, list[str]] = field(default_factory=dict)
    budget: Budget = field(default_factory=Budget)
    depth: int = 0
    functions: dict[str, Function] = field(default_factory=dict)
    _spellings: dict[str, dict[str, str]] = field(default_factory=dict)
    _computed: dict[str, Value] = field(default_factory=dict)
    _computing: list[str] = field(default_factory=list)
    _in_default: bool = False

    def __post_init__(self) -> None:
        self.functions = {**FUNCTIONS, **_without_meaning(), **_table_of(self), **self.functions}

    def evaluation(self) -> Evaluation:
        return Evaluation(self.functions, self.budget, depth=self.depth)

    def variable(self, name: str) -> Value:
        its_name = self._spelled("variables", self.variables, name)
        if its_name is None:
            raise TemplateError(f"the template has no variable {name!r}{_those_there(self.variables)}")
        value = self._once(f"variables.{its_name}", self.variables[its_name])
        return value[its_name] if its_name in self.loop_variables else value

    def parameter(self, name: str) -> Value:
        its_name = self._spelled("parameters", self.parameters, name)
        if its_name is not None:
            return self.parameters[its_name]
        its_name = self._spelled("defaults", self.defaults, name)
        if its_name is None:
            raise TemplateError(f"the template has no parameter {name!r}{_those_there(self.parameters)}")
        before, self._in_default = self._in_default, True
        try:
            return self._once(f"parameters.{its_name}.defaultValue", self.defaults[its_name])
        finally:
            self._in_default = before

    def _spelled(self, kind: str, of: Mapping[str, Any], name: str) -> str | None:
        """How the template spells this name; there may be many, and they are asked for often."""
        if kind not in self._spellings:
            self._spellings[kind] = {each.lower(): each for each in of}
        return name if name in of else self._spellings[kind].get(name.lower())

    def _once(self, place: str, written: Value) -> Value:
        """The computed value. Raises TemplateError where it depends on itself."""
        if place in self._computed:
            return self._computed[place]
        if place in self._computing:
            circle = " -> ".join([*self._computing[self._computing.index(place) :], place])
            raise TemplateError(f"these depend on each other: {circle}")
        self._computing.append(place)
        try:
            self._computed[place] = computed(self, written, place)
        finally:
            self._computing.pop()
        return self._computed[place]

    @contextmanager
    def at(self, loop: str, index: int) -> Iterator[None]:
        """As long as this lasts, this copy loop has reached this index."""
        before = dict(self.copies)
        self.copies.pop(loop.lower(), None)
        self.copies[loop.lower()] = index
        try:
            yield
        finally:
            self.copies.clear()
            self.copies.update(before)

    def copy_index(self, name: str, offset: int) -> int:
        if not name:
            if not self.copies:
                raise TemplateError("copyIndex has a meaning only within a copy loop")
            return list(self.copies.values())[-1] + offset
        if name.lower() not in self.copies:
            raise TemplateError(f"copyIndex: there is no copy loop {name!r} around it")
        return self.copies[name.lower()] + offset

    def only_in_a_default(self, name: str) -> None:
        if not self._in_default:
            raise TemplateError(f"{name} has a meaning only in the default value of a parameter")


def _those_there(of: Mapping[str, Any]) -> str:
    return f"; there are: {', '.join(list(of)[:20])}" if of else ""


def _table_of(scope: Scope) -> Table:
    table = Table()
    table.add("parameters", "string")(scope.parameter)
    table.add("variables", "string")(scope.variable)
    _add_place(table, scope.place)
    _add_ids(table, scope.place)
    _add_changing(table, scope)

    @table.add("copyIndex", "string|int?", "int?")
    def copy_index(name: str | int = "", offset: int = 0) -> int:
        return scope.copy_index("", name) if isinstance(name, int) else scope.copy_index(name, offset)

    @table.add("deployment")
    def deployment() -> Value:
        properties = {"template": dict(scope.template), "parameters": {}, "mode": "Incremental"}
        found = {"name": scope.place.deployment, "properties": properties}
        if scope.place.link:
            properties["templateLink"] = dict(scope.place.link)
        return {**found, "location": scope.place.location} if scope.place.location else found

    _add_resources(table, scope)
    return table


def _add_resources(table: Table, scope: Scope) -> None:
    @table.add("reference", "string", "string?", "string?")
    def reference(resource: str, _: str = "", full: str = "") -> Value:
        return scope.reference(resource, full.lower() == "full")

    @table.add("references", "string", "string?")
    def references(symbol: str, full: str = "") -> list[Value]:
        ids = scope.collections.get(symbol.lower())
        if ids is None:
            raise TemplateError(f"references: no loop of resources has the symbolic name {symbol[:100]!r}")
        return [scope.reference(id, full.lower() == "full") for id in ids]

    @table.add("resourceInfo", "string")
    def resource_info(symbol: str) -> Value:
        found = scope.infos.get(symbol.lower())
        if found is None:
            raise TemplateError(f"resourceInfo: no resource has the symbolic name {symbol[:100]!r}")
        return dict(found)


def _add_place(table: Table, place: Place) -> None:
    table.add("resourceGroup")(lambda: _group_of(place))
    table.add("subscription")(lambda: dict(place.subscription))
    table.add("tenant")(lambda: dict(place.tenant))
    table.add("environment")(lambda: dict(place.environment))
    table.add("deployer")(lambda: dict(place.deployer))

    @table.add("pickZones", "string", "string", "string", "int?", "int?")
    def pick_zones(_namespace: str, _type: str, _location: str, count: int = 1, offset: int = 0) -> list[str]:
        zones = ["1", "2", "3"]
        if not 1 <= count <= len(zones) or not 0 <= offset < len(zones):
            raise TemplateError("pickZones: a location has 3 zones")
        return [zones[(offset + index) % len(zones)] for index in range(count)]

    @table.add("providers", "string", "string?")
    def providers(namespace: str, resource_type: str = "") -> Value:
        known = spelled(place.types, namespace)
        types = [dict(each) for each in place.types.get(known or "", ())]
        if not resource_type:
            return {"namespace": known or namespace, "resourceTypes": types}
        found = next((each for each in types if each["resourceType"].lower() == resource_type.lower()), None)
        if found is None:
            raise TemplateError(f"providers: there is no type {f'{namespace}/{resource_type}'[:200]!r} here")
        return found


def _group_of(place: Place) -> dict[str, Any]:
    if not place.group:
        raise TemplateError("resourceGroup has no meaning in a deployment of the subscription")
    return dict(place.group)


def _add_ids(table: Table, place: Place) -> None:
    @table.add("resourceId", "string+")
    def resource_id(*parts: str) -> str:
        """[subscription,] [resource group,] type, names."""
        at = next((index for index, part in enumerate(parts[:3]) if "/" in part), None)
        if at is None:
            raise TemplateError(
                "resourceId: none of the first arguments is a type such as Microsoft.Network/virtualNetworks"
            )
        path = provider_path("resourceId", parts[at], parts[at + 1 :])
        subscription = parts[0] if at == 2 else place.subscription["subscriptionId"]
        group = parts[at - 1] if at else place.group.get("name")
        if group is None:
            return f"/subscriptions/{subscription}/{path}"
        return f"/subscriptions/{subscription}/resourceGroups/{group}/{path}"

    @table.add("subscriptionResourceId", "string+")
    def subscription_resource_id(*parts: str) -> str:
        at = 0 if "/" in parts[0] else 1
        if at >= len(parts):
            raise TemplateError("subscriptionResourceId: none of the first arguments is a type")
        subscription = parts[0] if at else place.subscription["subscriptionId"]
        return f"/subscriptions/{subscription}/{provider_path('subscriptionResourceId', parts[at], parts[at + 1 :])}"


def _add_changing(table: Table, scope: Scope) -> None:
    """Those whose values are others each time: in defaults of parameters only, so that a template deployed twice is the same."""

    @table.add("utcNow", "string?")
    def utc_now(wanted: str = DEFAULT) -> str:
        scope.only_in_a_default("utcNow")
        return formatted(scope.now.astimezone(UTC), wanted)

    @table.add("newGuid")
    def new_guid() -> str:
        scope.only_in_a_default("newGuid")
        return str(uuid.uuid4())


def _without_meaning() -> Table:
    table = Table()
    for name, why in WITHOUT_MEANING.items():
        table[name.lower()] = refusing(name, why)
    return table


def refusing(name: str, why: str) -> Function:
    """A function that refuses to be called, by its name."""

    def called(evaluation: Evaluation, nodes: Sequence[Any]) -> Value:
        raise TemplateError(f"the function {name} is not offered here: {why}")

    return called
