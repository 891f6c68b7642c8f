"""Azure's limits on the lists and texts of documents, and on names, which must be unique in a list.

A table of data. A value that the stored document has already, and that comes back unchanged, may stay.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from upgrades.core.documents import EXTENSIONS, HEALTH_EXTENSIONS
from upgrades.core.equality import same
from upgrades.core.json_fields import BadDocument, dotted_path, get_field, printable, read_list, read_object
from upgrades.core.resource_kinds import LOAD_BALANCER, ResourceKind
from upgrades.core.secrets import name_of

MAX_TAGS = 50
MAX_TAG_NAME = 512
MAX_TAG_VALUE = 256
MAX_NAME = 80  # characters of the name of an element in a list
MAX_EXTENSIONS = 50
# Names and values of a whole document, because each is read many times. A load balancer with all its lists full has 150,000.
MAX_PARTS_OF_A_SCALE_SET = 50_000
MAX_PARTS_OF_A_RESOURCE = 200_000
MAX_PARTS_IN_A_LIST = 3_000  # subnets of a virtual network; security rules of a group are fewer
_PROFILE = ("properties", "virtualMachineProfile")
_NETWORK_CARDS = (*_PROFILE, "networkProfile", "networkInterfaceConfigurations")
TWO_OF_A_HANDLER = (
    "Multiple VMExtensions per handler not supported. VMExtension '{name}' with handler '{handler}' "
    "already added or specified in input"
)
TWO_HEALTH = "a scale set has one source of health, and one Application Health extension: there is another one already"
_HEALTH = "application health"


@dataclass(frozen=True, slots=True)
class NamedList:
    """A list whose elements have names. `what`: what its elements are called in messages. `maximum`: how many there may be."""

    path: tuple[str, ...]
    what: str
    maximum: int


_EXTENSION_LIST = NamedList((*_PROFILE, "extensionProfile", "extensions"), "extensions", MAX_EXTENSIONS)
SCALE_SET_LISTS = (
    _EXTENSION_LIST,
    NamedList(_NETWORK_CARDS, "network interfaces", 8),
    NamedList((*_PROFILE, "storageProfile", "dataDisks"), "data disks", 64),
)
IP_CONFIGURATIONS = NamedList(("properties", "ipConfigurations"), "IP configurations", 256)
LOAD_BALANCER_LISTS = (
    NamedList(("properties", "frontendIPConfigurations"), "frontends", 600),
    *(
        NamedList(("properties", name), what, 1500)
        for name, what in (
            ("backendAddressPools", "backend pools"),
            ("loadBalancingRules", "rules"),
            ("probes", "probes"),
            ("inboundNatRules", "inbound NAT rules"),
            ("inboundNatPools", "inbound NAT pools"),
            ("outboundRules", "outbound rules"),
        )
    ),
)
# Characters: Azure takes 65,535 bytes, which come in base64.
TEXTS = (
    ((*_PROFILE, "osProfile", "customData"), 87_380),
    ((*_PROFILE, "userData"), 87_380),
    ((*_PROFILE, "osProfile", "computerNamePrefix"), 58),
    ((*_PROFILE, "osProfile", "adminUsername"), 64),
)


def check_size(document: object, before: object, maximum: int, lists: Sequence[NamedList]) -> None:
    """Raises BadDocument for a document with more than `maximum` names and values, or with a list that is too long.

    This is the first of all checks: no other one reads a document that is too large. The stored document, `before`, may stay as large.
    """
    size = _size(document)
    if size > maximum and size > _size(before):
        raise BadDocument(f"the document has {size} names and values, and at most {maximum} are allowed")
    for named in lists:
        elements = get_field(document, *named.path)
        if isinstance(elements, list) and not same(elements, get_field(before, *named.path)):
            _check_count(elements, named, ".".join(named.path))


def _size(document: object) -> int:
    waiting, count = [document], 0
    while waiting:
        value = waiting.pop()
        inner = list(value.values()) if isinstance(value, Mapping) else value if isinstance(value, list) else []
        count += len(inner) * (2 if isinstance(value, Mapping) else 1)
        waiting += inner
    return count


def check_scale_set(document: Mapping[str, Any], before: Mapping[str, Any] | None) -> None:
    """Raises BadDocument for a scale set beyond Azure's limits. `before`: the stored document, whose values may stay."""
    check_tags(document, before)
    for named in SCALE_SET_LISTS:
        _check_list(document, before, named)
    _check_texts(document, before)
    extensions = read_list(document, *_EXTENSION_LIST.path)
    if not same(extensions, get_field(before, *_EXTENSION_LIST.path)):
        _check_handlers(extensions)
    cards = read_list(document, *_NETWORK_CARDS)
    for index, card in enumerate(cards if not same(cards, get_field(before, *_NETWORK_CARDS)) else ()):
        _check_list(card, None, IP_CONFIGURATIONS, f"{'.'.join(_NETWORK_CARDS)}[{index}]")


def lists_of(kind: ResourceKind) -> Sequence[NamedList]:
    """The lists of a stored resource's parts."""
    if kind == LOAD_BALANCER:
        return LOAD_BALANCER_LISTS
    return [NamedList(("properties", part), part, MAX_PARTS_IN_A_LIST) for part in kind.parts]


def check_resource(document: Mapping[str, Any], kind: ResourceKind, before: Mapping[str, Any] | None) -> None:
    """Raises BadDocument for a stored resource beyond Azure's limits. `before`: the stored document, whose values may stay."""
    check_tags(document, before)
    for named in lists_of(kind):
        _check_list(document, before, named)


def check_tags(document: Mapping[str, Any], before: Mapping[str, Any] | None) -> None:
    """Raises BadDocument for too many or too long tags, or two with the same name. Names of tags are compared without case."""
    tags = read_object(document, "tags")
    if same(tags, get_field(before, "tags")):
        return
    if len(tags) > MAX_TAGS:
        raise BadDocument(f"tags: a resource has at most {MAX_TAGS} tags, not {len(tags)}", target="tags")
    names: dict[str, str] = {}
    for name, value in tags.items():
        target = f"tags.{printable(name)}"
        if name.lower() in names:
            raise BadDocument(
                f"{target}: another tag has that name already; names of tags are case-insensitive", target=target
            )
        names[name.lower()] = name
        if len(name) > MAX_TAG_NAME or len(str(value)) > MAX_TAG_VALUE:
            message = f"{target}: a tag's name has at most {MAX_TAG_NAME} characters, its value {MAX_TAG_VALUE}"
            raise BadDocument(message, target=target)


def _check_list(document: Any, before: Any, named: NamedList, parent: str = "") -> None:
    place, elements = dotted_path(parent, *named.path), read_list(document, *named.path, parent=parent)
    if same(elements, get_field(before, *named.path)):
        return
    _check_count(elements, named, place)
    names: set[str] = set()
    for index, name in _names(elements):
        target = f"{place}[{index}].name"
        if name in names:
            message = f"{target}: two {named.what} have the name '{printable(name)}'; names are case-insensitive"
            raise BadDocument(message, target=target)
        names.add(name)
        if len(name) > MAX_NAME:
            raise BadDocument(f"{target} has at most {MAX_NAME} characters, not {len(name)}", target=target)


def _check_count(elements: Sequence[Any], named: NamedList, place: str) -> None:
    if len(elements) > named.maximum:
        raise BadDocument(
            f"{place}: at most {named.maximum} {named.what} are allowed, not {len(elements)}", target=place
        )


def _names(elements: Sequence[Any]) -> Iterator[tuple[int, str]]:
    return ((index, name) for index, element in enumerate(elements) if (name := name_of(element)) is not None)


def _check_texts(document: Mapping[str, Any], before: Mapping[str, Any] | None) -> None:
    for path, maximum in TEXTS:
        value, target = get_field(document, *path), ".".join(path)
        if isinstance(value, str) and len(value) > maximum and not same(value, get_field(before, *path)):
            raise BadDocument(f"{target} has at most {maximum} characters, not {len(value)}", target=target)


def _check_handlers(extensions: Sequence[Any]) -> None:
    """Raises BadDocument for two extensions of one handler (publisher and type), or two Application Health extensions."""
    found: dict[str, str] = {}
    for index, extension in enumerate(extensions):
        handler, name = _handler(extension), printable(name_of(extension))
        if handler and handler in found:
            message = (
                TWO_HEALTH if handler == _HEALTH else TWO_OF_A_HANDLER.format(name=name, handler=printable(handler))
            )
            other = f"; it is that of '{found[handler]}'"
            raise BadDocument(message + other, target=f"{EXTENSIONS}[{index}]", code="BadRequest")
        found[handler] = name


def _handler(extension: Any) -> str:
    """The handler as "publisher.type". All Application Health extensions are one handler: a scale set has one source of health."""
    publisher, type = (get_field(extension, "properties", name) for name in ("publisher", "type"))
    if isinstance(type, str) and type.lower() in HEALTH_EXTENSIONS:
        return _HEALTH
    return f"{publisher}.{type}".lower() if publisher and type else ""
