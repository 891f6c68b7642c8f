"""What clients send to deploy a template: what of it is honoured, and what is refused by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest

from upgrades.arm.deployments.fetching import fetched, shown
from upgrades.arm.errors import ArmError
from upgrades.arm.requests import Call, bad_content, json_body
from upgrades.arm.template import lenient_json
from upgrades.arm.template.errors import TemplateError
from upgrades.arm.template.values import spelled
from upgrades.core.json_fields import BadDocument, check_json, check_tags, kind_of_value

# What Azure has, and is not done here: why, and what works instead.
NOT_DONE = {
    "onerrordeployment": ("OnErrorDeploymentNotSupported", "nothing is deployed by itself after a failure: deploy it"),
    "extensionconfigs": ("ExtensionConfigsNotSupported", "extensions of the template language are not done here"),
}
MODES = {"incremental": "Incremental", "complete": "Complete"}
AT_THE_TOP = ("properties", "tags", "location")
PROPERTIES = (
    *("template", "parameters", "mode", "templateLink", "parametersLink", "onErrorDeployment", "debugSetting"),
    *("expressionEvaluationOptions", "validationLevel", "extensionConfigs", "whatIfSettings"),
)
LEVELS = ("template", "provider", "providernorbac")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be deployed. `given`: {parameter: {"value": ...}}. `checks_resources` false: only the template is checked beforehand.

    `link`: where the template was fetched; {} where it came with the request. `mode`: as Azure spells it.
    """

    template: Any
    given: Mapping[str, Any]
    tags: Mapping[str, Any]
    location: str
    checks_resources: bool
    mode: str = "Incremental"
    link: Mapping[str, Any] = field(default_factory=dict)


def read_body(request: HttpRequest) -> Any:
    """The body, also as the command line sends it: the file of the template as it is, within JSON."""
    try:
        return json_body(request)
    except ArmError:
        return _read_leniently(request)


def _read_leniently(request: HttpRequest) -> Any:
    """Raises ArmError."""
    try:
        body = lenient_json.loads(request.body.decode("utf-8-sig"))
        check_json(body)
    except UnicodeDecodeError:
        raise bad_content("it is not UTF-8 text") from None
    except (TemplateError, BadDocument) as error:
        raise bad_content(error.message) from None
    return body


def wanted(call: Call) -> Wanted:
    """What the request asks for. Raises ArmError."""
    return wanted_of(call.object_body())


def wanted_of(body: Mapping[str, Any]) -> Wanted:
    """What this document asks for; what it only names by an address is fetched. Raises ArmError."""
    _check_names(body, AT_THE_TOP, "")
    check_tags(body)
    properties = _checked_properties(body)
    template, link = _template(properties)
    location = _member(body, "location")
    return Wanted(
        template,
        _parameters(properties),
        _member(body, "tags") or {},
        location if isinstance(location, str) else "",
        _level(_member(properties, "validationLevel")) != "template",
        _mode(_member(properties, "mode")),
        link,
    )


def _checked_properties(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Raises ArmError."""
    properties = _member(body, "properties")
    if not isinstance(properties, dict):
        raise ArmError(
            "InvalidRequestContent", "properties must be an object with the template and the mode", target="properties"
        )
    _check_names(properties, PROPERTIES, "properties.")
    for name, (code, why) in NOT_DONE.items():
        if _member(properties, name) is not None:
            its_name = spelled(properties, name)
            raise ArmError(code, f"properties.{its_name} is refused: {why}.", target=f"properties.{its_name}")
    _check_debugging(_member(properties, "debugSetting"))
    return properties


def _template(properties: Mapping[str, Any]) -> tuple[Any, Mapping[str, Any]]:
    """(the template, where it was fetched). Raises ArmError."""
    template, link = _member(properties, "template"), _member(properties, "templateLink")
    if template is not None and link is not None:
        raise ArmError(
            "InvalidRequestContent", "Give properties.template or templateLink, not both.", target="properties.template"
        )
    if template is not None:
        return template, {}
    if link is None:
        raise ArmError("InvalidTemplate", "properties.template is missing.", target="properties.template")
    return linked(link, "properties.templateLink")


def _parameters(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """Raises ArmError."""
    given, link = _member(properties, "parameters"), _member(properties, "parametersLink")
    if given and link is not None:
        message = "Give properties.parameters or parametersLink, not both."
        raise ArmError("InvalidRequestContent", message, target="properties.parameters")
    if link is not None:
        given = values_in(linked(link, "properties.parametersLink")[0])
    if not isinstance(given, dict | None):
        message = f"properties.parameters must be an object, not {kind_of_value(given)}."
        raise ArmError("InvalidTemplate", message, target="properties.parameters")
    return given or {}


def values_in(document: Any) -> Any:
    """Of a file of parameters: {"parameters": {name: {"value": ...}}}, or what is within."""
    if isinstance(document, dict) and isinstance(inner := _member(document, "parameters"), dict):
        is_whole = (
            spelled(document, "contentVersion") or spelled(document, "$schema") or set(document) == {"parameters"}
        )
        return inner if is_whole and "value" not in inner else document
    return document


def linked(link: Any, place: str) -> tuple[Any, Mapping[str, Any]]:
    """(the document at an address, what is said of it). Raises ArmError."""
    uri = _member(link, "uri") if isinstance(link, dict) else None
    if not isinstance(uri, str):
        message = f"{place} must have 'uri', an address; ids of template specs are not known here."
        raise ArmError("InvalidContentLink", message, target=place)
    _check_names(link, ("uri", "contentVersion"), f"{place}.")
    document = read_document(fetched(uri, place), uri, place)
    version = _member(link, "contentVersion")
    if version is not None and version != (_member(document, "contentVersion") if isinstance(document, dict) else None):
        message = f"The contentVersion of '{shown(uri)}' is another than the one that is asked for."
        raise ArmError("InvalidContentLink", message, target=place)
    return document, {"uri": shown(uri)} | ({"contentVersion": version} if version else {})


def read_document(text: str, name: str, place: str) -> Any:
    """A template or a file of parameters. Raises ArmError."""
    try:
        document = lenient_json.loads(text)
        check_json(document)
    except (TemplateError, BadDocument) as error:
        raise ArmError("InvalidContentLink", f"'{shown(name)}' is no template: {error.message}", target=place) from None
    return document


def _member(of: Mapping[str, Any], name: str) -> Any:
    return of.get(spelled(of, name) or "")


def _check_names(of: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    """Raises ArmError for a member that nobody knows: who sends it counts on it."""
    names = {name.lower() for name in known}
    strange = next((name for name, value in of.items() if name.lower() not in names and value is not None), None)
    if strange is not None:
        message = (
            f"Could not find member '{strange[:80]}' on object of type 'Deployment'; there are: {', '.join(known)}."
        )
        raise ArmError("InvalidRequestContent", message, target=f"{where}{strange[:80]}")


def _mode(mode: Any) -> str:
    """Raises ArmError."""
    said = MODES.get(mode.lower()) if isinstance(mode, str) else None
    if said is None:
        message = "properties.mode must be 'Incremental' or 'Complete'."
        raise ArmError("InvalidRequestContent", message, target="properties.mode")
    return said


def _check_debugging(setting: Any) -> None:
    """Raises ArmError: there may be secrets in what requests and answers contain, so it is not kept."""
    level = _member(setting, "detailLevel") if isinstance(setting, dict) else setting
    if level is not None and str(level).lower() != "none":
        message = "properties.debugSetting is refused: what requests and answers contain is not kept here, for there may be secrets in it."
        raise ArmError("DebugSettingNotSupported", message, target="properties.debugSetting")


def _level(level: Any) -> str:
    """Raises ArmError."""
    said = "provider" if level is None else str(level).lower()
    if said not in LEVELS:
        message = "properties.validationLevel must be Provider, ProviderNoRbac or Template."
        raise ArmError("InvalidRequestContent", message, target="properties.validationLevel")
    return said
