"""What clients send to deploy a template: what of it is honoured, and what is refused by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from upgrades.arm.errors import ArmError
from upgrades.arm.requests import Call, bad_content, json_body
from upgrades.arm.template import lenient_json
from upgrades.arm.template.errors import TemplateError
from upgrades.arm.template.values import spelled
from upgrades.core.json_fields import BadDocument, check_json, check_tags, kind_of_value

# What Azure has, and is not done here: why, and what works instead.
LINK = "nothing is fetched from other servers here: send it in the request, in properties.{}"
NOT_DONE = {
    "templatelink": ("InvalidContentLink", LINK.format("template")),
    "parameterslink": ("InvalidContentLink", LINK.format("parameters")),
    "onerrordeployment": ("OnErrorDeploymentNotSupported", "nothing is deployed by itself after a failure: deploy it"),
    "extensionconfigs": ("ExtensionConfigsNotSupported", "extensions of the template language are not done here"),
}
COMPLETE = "it would delete whatever the template does not name. Deploy with mode Incremental, and delete by name what is to go"
AT_THE_TOP = ("properties", "tags", "location")
PROPERTIES = (
    *("template", "parameters", "mode", "templateLink", "parametersLink", "onErrorDeployment", "debugSetting"),
    *("expressionEvaluationOptions", "validationLevel", "extensionConfigs", "whatIfSettings"),
)
LEVELS = ("template", "provider", "providernorbac")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be deployed. `given`: {parameter: {"value": ...}}. `checks_resources` false: only the template is checked beforehand."""

    template: Any
    given: Mapping[str, Any]
    tags: Mapping[str, Any]
    location: str
    checks_resources: bool


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
    body = call.object_body()
    _check_names(body, AT_THE_TOP, "")
    check_tags(body)
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
    _check_mode(_member(properties, "mode"))
    _check_debugging(_member(properties, "debugSetting"))
    given = _member(properties, "parameters")
    template = _member(properties, "template")
    if template is None:
        raise ArmError("InvalidTemplate", "properties.template is missing.", target="properties.template")
    if not isinstance(given, dict | None):
        message = f"properties.parameters must be an object, not {kind_of_value(given)}."
        raise ArmError("InvalidTemplate", message, target="properties.parameters")
    location = _member(body, "location")
    return Wanted(
        template,
        given or {},
        _member(body, "tags") or {},
        location if isinstance(location, str) else "",
        _level(_member(properties, "validationLevel")) != "template",
    )


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


def _check_mode(mode: Any) -> None:
    """Raises ArmError."""
    said = mode.lower() if isinstance(mode, str) else mode
    if said == "complete":
        message = f"The deployment mode 'Complete' is refused: {COMPLETE}."
        raise ArmError("DeploymentModeNotSupported", message, target="properties.mode")
    if said != "incremental":
        message = "properties.mode must be 'Incremental'."
        raise ArmError("InvalidRequestContent", message, target="properties.mode")


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
