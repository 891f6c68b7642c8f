"""The parts of a scale set's model, and which of them an instance lacks.

The model is divided by what brings a part to a machine that exists already. Of each part a short text is stored, with the scale set for its
model now and with each instance for the model that it was last made from: the same text means the same part. A part that is not stored with
the scale set has not changed since such records are kept, so nobody lacks it.

A secret's text is random, so that it tells nothing of the secret; it is another one after each change.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from upgrades.core import documents, secrets
from upgrades.core.documents import HEALTH_EXTENSIONS, ExtensionModel, MachineModel
from upgrades.core.equality import same
from upgrades.core.filling import filled
from upgrades.core.json_fields import BadDocument, get_field
from upgrades.core.spellings import without_field
from upgrades.core.states import OperationKind

Parts = Mapping[str, Any]


class ModelPart(StrEnum):
    """A part of a scale set's model. The values are those that are stored."""

    IMAGE = "image"
    SIZE = "size"
    COMPUTER_NAME = "computer name"
    CUSTOM_DATA = "custom data"
    DATA_DISKS = "data disks"
    EXTENSIONS = "extensions"
    SECRETS = "secrets"  # those that no machine gets: passwords, protected settings of extensions
    OTHER = "other"  # what no machine gets: network, diagnostics, licence, ...


# What a new OS disk brings. Data disks stay as they are, and come with a new machine only.
ON_A_NEW_OS_DISK = frozenset(ModelPart) - {ModelPart.DATA_DISKS}
# What a machine has as soon as the model has it, since the machine is not changed by it.
WITHOUT_WORK = frozenset({ModelPart.SECRETS, ModelPart.OTHER})


# --- the parts of a document ------------------------------------------------------------------------------------------


def parts_after(
    stored: Parts, before: Mapping[str, Any] | None, after: Mapping[str, Any], os_type: str, token: str
) -> dict[str, Any]:
    """The parts to store with a scale set whose model changes. Both documents are whole, with their secrets.

    `stored`: its present parts. `before`: None for a new scale set. `os_type`: of its image. `token`: a new random text, for secrets that
    have changed. A part that did not change keeps its text, even if this code would write another one by now.
    """
    new, old = _contents(after, os_type), _contents_before(before, os_type)
    changed = {part for part in new if part not in old or not same(old[part], new[part])}
    return {**stored, **{part.value: _as_stored(part, new[part], token) for part in changed}}


def _contents_before(document: Mapping[str, Any] | None, os_type: str) -> dict[ModelPart, Any]:
    """{} for an old document that today's rules do not allow any more: then every part counts as changed."""
    try:
        return _contents(document, os_type) if document is not None else {}
    except BadDocument:
        return {}


def _contents(document: Mapping[str, Any], os_type: str) -> dict[ModelPart, Any]:
    """What each part says, for comparing."""
    model, (public, hidden) = documents.read(document), secrets.split(document)
    image, machine = model.image, model.machine
    return {
        ModelPart.IMAGE: f"{image.publisher}:{image.offer}:{image.sku}".lower(),
        ModelPart.SIZE: machine.size,
        ModelPart.COMPUTER_NAME: machine.computer_name_prefix,
        ModelPart.CUSTOM_DATA: machine.custom_data,
        ModelPart.DATA_DISKS: [list(disk) for disk in sorted(machine.data_disks)],
        ModelPart.EXTENSIONS: _extensions(machine),
        ModelPart.SECRETS: _other_secrets(hidden),
        ModelPart.OTHER: _others(filled(public, os_type, with_user_data=True)),
    }


def _other_secrets(hidden: Mapping[str, Any]) -> dict[str, Any]:
    return {place: secret for place, secret in hidden.items() if json.loads(place)[-1].lower() != "customdata"}


def _extensions(machine: MachineModel) -> dict[str, Any]:
    """{its line in the key of core/extensions.py: what else it says} of each extension."""
    return {
        f"{each.name.lower()} {each.version}".rstrip(): [
            each.publisher.lower(),
            each.type.lower(),
            sorted(name.lower() for name in each.after),
            _settings(each),
        ]
        for each in machine.extensions
    }


def _settings(extension: ExtensionModel) -> Any:
    """Those of the Application Health extension take effect at once: they say how instances are probed."""
    return (
        "" if extension.type.lower() in HEALTH_EXTENSIONS or not extension.settings else json.loads(extension.settings)
    )


_PROFILE = ("properties", "virtualMachineProfile")
# The other parts of a profile, and its image's version, which is compared with that of the instance.
_OF_OTHER_PARTS = (
    ("storageProfile", "imageReference"),
    ("storageProfile", "dataDisks"),
    ("osProfile", "computerNamePrefix"),
    ("extensionProfile",),
)


def _others(shown: Mapping[str, Any]) -> Any:
    """What else the machine profile says, and what else of data disks. `shown`: the document as clients see it, however it was spelled."""
    rest: Any = get_field(shown, *_PROFILE)
    for path in _OF_OTHER_PARTS:
        rest = without_field(rest, *path)
    return _plain([rest, _rest_of_disks(shown)])


def _rest_of_disks(shown: Mapping[str, Any]) -> list[Any]:
    disks = get_field(shown, *_PROFILE, "storageProfile", "dataDisks") or []
    return [without_field(without_field(disk, "lun"), "diskSizeGB") for disk in disks if isinstance(disk, Mapping)]


def _plain(value: Any) -> Any:
    """Names in lower case; without what says nothing: nulls and empty objects."""
    if isinstance(value, Mapping):
        plain = {name.lower(): _plain(inner) for name, inner in value.items()}
        return {name: inner for name, inner in plain.items() if inner is not None and inner != {}}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def _as_stored(part: ModelPart, content: Any, token: str) -> Any:
    """Sizes and extensions can be read; the rest need only be compared."""
    if part is ModelPart.EXTENSIONS:
        return {line: _digest(said) for line, said in content.items()}
    if part in (ModelPart.CUSTOM_DATA, ModelPart.SECRETS):
        return token if content else ""
    return content if isinstance(content, str) else _digest(content)


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


# --- what an instance lacks -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WantedModel:
    """A scale set's model now. `versions`: the image versions that it names; empty for any, where it follows the latest."""

    parts: Parts
    versions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AppliedModel:
    """What an instance was last made from. `extensions_key`: of those that are on it (core/extensions.py), without failed ones."""

    parts: Parts
    version: str
    extensions_key: str
    has_machine: bool = True


def lacking(wanted: WantedModel, applied: AppliedModel) -> frozenset[ModelPart]:
    """The parts of the model that the instance lacks. None where it has no machine yet: it gets one that is made from the model.

    An instance of a scale set that follows the latest image lacks nothing on an older version (as Azure's latestModelApplied has it). An
    extension that failed is as good as absent.
    """
    if not applied.has_machine:
        return frozenset()
    found = {ModelPart(name) for name, content in wanted.parts.items() if applied.parts.get(name) != content}
    if wanted.versions and applied.version not in wanted.versions:
        found.add(ModelPart.IMAGE)
    lines = wanted.parts.get(ModelPart.EXTENSIONS)
    if lines is not None and "\n".join(sorted(lines)) != applied.extensions_key:
        found.add(ModelPart.EXTENSIONS)
    return frozenset(found)


def work_to_bring(wanted: WantedModel, applied: AppliedModel) -> OperationKind | None:
    """The operation that brings an instance what it lacks of the model; None where none is needed, or none can.

    Extensions alone are run on the present OS disk. A provider does not run an extension again that is there in the same version, so
    other settings need a new OS disk.
    """
    missing = lacking(wanted, applied) - WITHOUT_WORK - {ModelPart.DATA_DISKS}
    if missing - {ModelPart.EXTENSIONS}:
        return OperationKind.REIMAGE
    if not missing:
        return None
    has, wants = _lines(applied.extensions_key), wanted.parts.get(ModelPart.EXTENSIONS, {})
    recorded = applied.parts.get(ModelPart.EXTENSIONS, {})
    is_other = any(recorded.get(line) != wants[line] for line in has & set(wants))
    return OperationKind.REIMAGE if is_other else OperationKind.EXTENSIONS


def _lines(extensions_key: str) -> set[str]:
    return set(filter(None, extensions_key.split("\n")))


# --- what an operation brings -----------------------------------------------------------------------------------------


def steady(before: Parts, after: Parts) -> dict[str, Any]:
    """The parts that are the same in both, of extensions those that are the same: what an operation brings in either case."""
    kept = {name: content for name, content in before.items() if after.get(name) == content}
    lines = (before.get(ModelPart.EXTENSIONS), after.get(ModelPart.EXTENSIONS))
    if isinstance(lines[0], Mapping) and isinstance(lines[1], Mapping):
        kept[ModelPart.EXTENSIONS.value] = {line: said for line, said in lines[0].items() if lines[1].get(line) == said}
    return kept


def parts_brought(kind: OperationKind, sent: Parts, applied: AppliedModel) -> dict[str, Any]:
    """The parts that an instance has after an operation that succeeded. `sent`: those of the model that it was done with."""
    if kind is OperationKind.CREATE:
        return dict(sent)
    if kind is OperationKind.REIMAGE:
        kept = {name: content for name, content in applied.parts.items() if name not in ON_A_NEW_OS_DISK}
        return {**kept, **{name: content for name, content in sent.items() if name in ON_A_NEW_OS_DISK}}
    if kind is OperationKind.EXTENSIONS and ModelPart.EXTENSIONS in sent:
        has, recorded = _lines(applied.extensions_key), applied.parts.get(ModelPart.EXTENSIONS, {})
        lines = {
            line: recorded.get(line, "") if line in has else said for line, said in sent[ModelPart.EXTENSIONS].items()
        }
        return {**applied.parts, ModelPart.EXTENSIONS.value: lines}
    return dict(applied.parts)


def with_parts_without_work(wanted: Parts, applied: Parts) -> dict[str, Any]:
    """The parts of an instance, with those of the wanted model that change nothing on a machine."""
    return {**applied, **{name: content for name, content in wanted.items() if name in WITHOUT_WORK}}
