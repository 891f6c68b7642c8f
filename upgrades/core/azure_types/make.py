"""Makes types.json from Azure's own Python packages: `python -m upgrades.core.azure_types.make WHEEL ... > types.json`.

The packages are read, never imported: their source has the fields, types, enumerations and API versions. There are two styles of it: until
2025 `_attribute_map` with the types in a docstring, since then annotated fields.
"""

import ast
import dataclasses
import json
import re
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

# By the service whose package has them.
ROOTS = {
    "compute": (
        "VirtualMachineScaleSet",
        "VirtualMachineScaleSetVM",
        "VirtualMachineScaleSetInstanceView",
        "VirtualMachineScaleSetVMInstanceView",
        "RollingUpgradeStatusInfo",
        "UpgradeOperationHistoricalStatusInfo",
        "VirtualMachineImage",
        "VirtualMachineImageResource",
        "AvailabilitySet",
        "ProximityPlacementGroup",
    ),
    "network": (
        "LoadBalancer",
        "ApplicationGateway",
        "VirtualNetwork",
        "PublicIPAddress",
        "PublicIPPrefix",
        "NatGateway",
        "NetworkSecurityGroup",
        "ApplicationSecurityGroup",
    ),
    "resource": ("ResourceGroup",),
    "msi": ("Identity",),
    "storage": ("StorageAccount",),
    "keyvault": ("Vault",),
    "servicefabric": ("Cluster",),
}
# Where Azure has another type for what clients send: fields of that are no read-only ones.
SENT_AS = {"StorageAccount": "StorageAccountCreateParameters"}
# Resources that clients only refer to by id, and what only Azure says: their own fields are not part of these documents.
SHALLOW = frozenset(
    {
        "ApplicationGatewayPrivateEndpointConnection",
        "ApplicationGatewayPrivateLinkConfiguration",
        "BlobRestoreStatus",
        "Endpoints",
        "GeoReplicationStats",
        "PrivateEndpointConnection",
        "DdosSettings",
        "FlowLog",
        "IPConfiguration",
        "IPConfigurationProfile",
        "NetworkInterface",
        "NetworkInterfaceIPConfiguration",
        "PrivateEndpoint",
        "RouteTable",
        "ServiceEndpointPolicy",
    }
)
PLAIN = {
    "str": "text",
    "int": "whole",
    "long": "whole",
    "float": "number",
    "bool": "switch",
    "duration": "duration",
    "iso-8601": "time",
    "object": "any",
    "datetime": "time",
    "timedelta": "duration",
    "Any": "any",
    "JSON": "any",
    "decimal": "number",
    "bytes": "text",
    "bytearray": "text",
    "base64": "text",
    "date": "text",
    "ETag": "text",
    # Enumerations to which Azure adds words every month: no list of them is complete.
    "VirtualMachineSizeTypes": "text",
    "NetworkApiVersion": "text",
    "DiskApiVersion": "text",
}
PACKAGE = re.compile(r"azure_mgmt_(\w+)-([\d.]+)-")
MODELS = re.compile(
    r"azure/mgmt/(?:compute|network|resource/resources|msi|storage|keyvault|servicefabric)/(?:v([\d_]+)(?:_preview)?/)?models/_models(_py3)?\.py"
)
VERSION = re.compile(r"[\"'](20\d\d-\d\d-\d\d)[\"']")


@dataclasses.dataclass
class Field:
    type: str
    first: str
    last: str
    read_only: bool = False


@dataclasses.dataclass
class Collected:
    """What all API versions have together: the fields of each type by name, and the words of each enumeration."""

    types: dict[str, dict[str, Field]] = dataclasses.field(default_factory=dict)
    enums: dict[str, list[str]] = dataclasses.field(default_factory=dict)

    def add(self, version: str, types: Mapping[str, Mapping[str, Field]], enums: Mapping[str, list[str]]) -> None:
        for name, words in enums.items():
            known = self.enums.setdefault(name, [])
            known += [word for word in words if word.lower() not in {known_word.lower() for known_word in known}]
        for name, fields in types.items():
            for key, field in fields.items():
                self.types.setdefault(name, {})[key] = _joined(self.types.get(name, {}).get(key), field, version)


def _joined(before: Field | None, now: Field, version: str) -> Field:
    """One field over two versions. The newer version's type counts, but an enumeration is never replaced by plain text."""
    if before is None:
        return Field(now.type, version, version, now.read_only)
    newer, older = (now, before) if version >= before.last else (before, now)
    type = older.type if newer.type in ("text", "[text]") and older.type not in PLAIN.values() else newer.type
    return Field(type, min(before.first, version), max(before.last, version), newer.read_only)


# --- one file of models -----------------------------------------------------------------------------------------------


def _classes(source: str) -> dict[str, ast.ClassDef]:
    return {node.name: node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)}


def _enums(source: str) -> dict[str, list[str]]:
    return {
        name: [
            node.value.value
            for node in class_.body
            if isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ]
        for name, class_ in _classes(source).items()
    }


def _types(source: str) -> dict[str, dict[str, Field]]:
    classes = _classes(source)
    types: dict[str, dict[str, Field]] = {}
    for name in classes:
        for path, field in _fields(name, classes):
            *holders, key = path
            holder = name
            for inner in holders:
                types.setdefault(holder, {}).setdefault(inner, Field(f"{holder}.{inner}", "", ""))
                holder = f"{holder}.{inner}"
            types.setdefault(holder, {})[key] = field
    _inline(types, classes)
    return types


def _inline(types: dict[str, dict[str, Field]], classes: Mapping[str, ast.ClassDef]) -> None:
    """Rename what newer packages have as `properties: XProperties` to the type X.properties, as in older packages."""
    for name in classes:
        inner = types.get(name, {}).get("properties")
        if inner is not None and inner.type in types and inner.type != f"{name}.properties":
            types[f"{name}.properties"] = dict(types[inner.type])
            types[name]["properties"] = Field(f"{name}.properties", "", "")


def _fields(name: str, classes: Mapping[str, ast.ClassDef]) -> Iterator[tuple[list[str], Field]]:
    class_ = classes[name]
    for base in class_.bases:
        base_name = _last(ast.unparse(base))
        if base_name in classes:
            yield from _fields(base_name, classes)
    assigned = {
        target.id: node.value
        for node in class_.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    if "_attribute_map" in assigned:
        yield from _mapped(class_, assigned)
    for node in class_.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Call) and "rest_" in ast.unparse(node.value):
            yield _annotated(node, node.value)


def _mapped(node: ast.ClassDef, assigned: Mapping[str, ast.expr]) -> Iterator[tuple[list[str], Field]]:
    """(path, field) of each field of a class in the style until 2025: `_attribute_map`, with the types in a docstring."""
    validation: Any = ast.literal_eval(assigned["_validation"]) if "_validation" in assigned else {}
    said = _said(ast.get_docstring(node) or "")
    mapped: Any = ast.literal_eval(assigned["_attribute_map"])
    for attribute, entry in mapped.items():
        path = [part.replace("\\\\.", ".") for part in re.split(r"(?<!\\)\.", entry["key"])]
        read_only = bool(validation.get(attribute, {}).get("readonly"))
        yield path, Field(_old_type(entry["type"], said.get(attribute, "")), "", "", read_only)


def _said(docstring: str) -> dict[str, str]:
    """The enumerations that a docstring names, by attribute: {"mode": "UpgradeMode"}. Older packages name them nowhere else."""
    found = re.findall(r":(?:vartype|type) (\w+):\s+(.*?)(?=\n:|\Z)", docstring, re.DOTALL)
    enums = {name: re.search(r"str\s+or\s+~[\w.]*?\.(\w+)\]?\s*$", said) for name, said in found}
    return {name: match.group(1) for name, match in enums.items() if match}


def _old_type(type: str, enum: str) -> str:
    if type.startswith("["):
        return f"[{_old_type(type[1:-1], enum)}]"
    if type.startswith("{"):
        return f"{{{_old_type(type[1:-1], enum)}}}"
    return PLAIN.get(enum, enum) if type == "str" and enum else PLAIN.get(type, type)


def _annotated(node: ast.AnnAssign, call: ast.Call) -> tuple[list[str], Field]:
    """(path, field) of one annotated field, in the style since 2025."""
    assert isinstance(node.target, ast.Name)
    options = {keyword.arg: keyword.value for keyword in call.keywords}
    name = ast.literal_eval(options["name"]) if "name" in options else node.target.id
    visibility = ast.literal_eval(options["visibility"]) if "visibility" in options else []
    return [name], Field(_new_type(node.annotation), "", "", visibility == ["read"])


def _new_type(annotation: ast.expr) -> str:
    if isinstance(annotation, ast.Constant):
        return _plain(_last(str(annotation.value)))
    if not isinstance(annotation, ast.Subscript):
        return _plain(_last(ast.unparse(annotation)))
    outer = _last(ast.unparse(annotation.value)).lower()
    inner = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
    if outer == "list":
        return f"[{_new_type(inner[0])}]"
    if outer == "dict":
        return f"{{{_new_type(inner[1])}}}"
    return "text" if outer == "literal" else _new_type(inner[-1])


def _plain(name: str) -> str:
    return PLAIN.get(name, name)


def _last(dotted: str) -> str:
    return dotted.rpartition(".")[2]


# --- all files together -----------------------------------------------------------------------------------------------


def _package(wheel: str) -> tuple[str, str]:
    """The service and version of a wheel's name, such as ("compute", "39.0.0")."""
    match = PACKAGE.search(wheel)
    assert match, f"{wheel} is no wheel of azure-mgmt-*"
    return match[1], match[2]


def _read(wheel: str, collected: Collected) -> str:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        for name in sorted(names):
            found = MODELS.fullmatch(name)
            if found and (found[2] or name.replace("_models.py", "_models_py3.py") not in names):
                folder = name.rpartition("/")[0]
                enum_files = [file for file in names if re.fullmatch(re.escape(folder) + r"/_\w*enums\.py", file)]
                enums = _enums(archive.read(enum_files[0]).decode()) if enum_files else {}
                version = (found[1] or "").replace("_", "-") or _version(archive, folder)
                collected.add(version, _types(archive.read(name).decode()), enums)
    return f"azure-mgmt-{'=='.join(_package(wheel))}"


def _version(archive: zipfile.ZipFile, folder: str) -> str:
    """The API version of a package that has only one: the date that its operations name most often."""
    operations = folder.replace("/models", "/operations/")
    sources = [archive.read(name).decode() for name in archive.namelist() if name.startswith(operations)]
    dates: Counter[str] = Counter(date for source in sources for date in VERSION.findall(source))
    return dates.most_common(1)[0][0]


def _take_what_is_sent(collected: Collected) -> None:
    for type, sent in SENT_AS.items():
        for place in ("", ".properties"):
            for key, field in collected.types.get(f"{sent}{place}", {}).items():
                if key != "properties":
                    known = collected.types[f"{type}{place}"].setdefault(key, field)
                    known.read_only = False


def _reachable(collected: Collected, service: str) -> set[str]:
    waiting, seen = list(ROOTS[service]), set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in collected.types or name in SHALLOW:
            continue
        seen.add(name)
        waiting += [_inner(field.type) for field in collected.types[name].values()]
    return seen


def _inner(type: str) -> str:
    """The type of a list's or map's elements; any other type as it is."""
    return type.strip("[]{}")


def types_of_wheels(wheels: list[str]) -> dict[str, Any]:
    """The content of types.json, from these wheels. A name that two services use gets the service's name before it in the later one."""
    services: dict[str, Collected] = {}
    packages = [_read(wheel, services.setdefault(_package(wheel)[0], Collected())) for wheel in sorted(wheels)]
    types: dict[str, Any] = {}
    enums: dict[str, Any] = {}
    for service in ROOTS:  # compute comes first and keeps its names
        its_types, its_enums = _of_service(services[service], service)
        new_names = {name: f"{service}/{name}" for name in (*its_types, *its_enums) if name in types or name in enums}
        enums |= {new_names.get(name, name): words for name, words in its_enums.items()}
        types |= {new_names.get(name, name): _renamed(fields, new_names) for name, fields in its_types.items()}
    return {"made_from": packages, "types": dict(sorted(types.items())), "enums": dict(sorted(enums.items()))}


def _of_service(collected: Collected, service: str) -> tuple[dict[str, Any], dict[str, Any]]:
    _take_what_is_sent(collected)
    names = _reachable(collected, service)
    types = {name: _entries(collected.types[name], names, collected) for name in names}
    used = {_inner(entry[0]) for fields in types.values() for entry in fields.values()}
    return types, {name: words for name, words in collected.enums.items() if name in used}


def _renamed(fields: Mapping[str, list[str]], new_names: Mapping[str, str]) -> dict[str, list[str]]:
    """A type's fields, with the new names of types whose name another service has already."""
    return {
        key: [type.replace(_inner(type), new_names.get(_inner(type), _inner(type))), *rest]
        for key, (type, *rest) in fields.items()
    }


def _entries(fields: Mapping[str, Field], names: set[str], collected: Collected) -> dict[str, list[str]]:
    """A type's fields by name. Of two names that differ only in case, the newer one stays."""
    newest: dict[str, str] = {}
    for key in sorted(fields, key=lambda name: fields[name].last):
        newest[key.lower()] = key
    return {key: _entry(fields[key], names, collected) for key in sorted(newest.values())}


def _entry(field: Field, names: set[str], collected: Collected) -> list[str]:
    inner = _inner(field.type)
    is_known = inner in names or inner in collected.enums or inner in PLAIN.values()
    entry = [field.type if is_known else field.type.replace(inner, "any"), field.first, field.last]
    return [*entry, "read-only"] if field.read_only else entry


def types_as_text(content: Mapping[str, Any]) -> str:
    """The text of types.json, with one field per line, so that changes can be read in a diff."""
    types = ",\n".join(f'  "{name}": {{\n{_lines(fields)}\n  }}' for name, fields in content["types"].items())
    enums = _lines(content["enums"])
    return f'{{\n "made_from": {json.dumps(content["made_from"])},\n "types": {{\n{types}\n }},\n "enums": {{\n{enums}\n }}\n}}\n'


def _lines(entries: Mapping[str, list[str]]) -> str:
    return ",\n".join(f"   {json.dumps(name)}: {json.dumps(entry)}" for name, entry in entries.items())


if __name__ == "__main__":
    sys.stdout.write(types_as_text(types_of_wheels(sys.argv[1:])))
