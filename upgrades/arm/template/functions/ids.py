"""Functions that make resource ids. Those of the deployment's own scope are in upgrades.arm.template.scope."""

from upgrades.arm.template.errors import TemplateError
from upgrades.arm.template.functions.table import Table

TABLE = Table()


def provider_path(name: str, resource_type: str, names: tuple[str, ...]) -> str:
    """providers/Microsoft.Network/virtualNetworks/web/subnets/default, of a type with as many names as it has parts."""
    namespace, *kinds = resource_type.rstrip("/").split("/")
    if not kinds or not all((namespace, *kinds)):
        raise TemplateError(f"{name}: {resource_type[:100]!r} is no type such as Microsoft.Network/virtualNetworks")
    if len(kinds) != len(names):
        raise TemplateError(f"{name}: {resource_type} needs {len(kinds)} names, not {len(names)}")
    return "/".join(["providers", namespace, *(part for pair in zip(kinds, names, strict=True) for part in pair)])


@TABLE.add("tenantResourceId", "string", "string+")
def tenant_resource_id(resource_type: str, *names: str) -> str:
    return "/" + provider_path("tenantResourceId", resource_type, names)


@TABLE.add("extensionResourceId", "string", "string", "string+")
def extension_resource_id(of: str, resource_type: str, *names: str) -> str:
    return f"{of.rstrip('/')}/{provider_path('extensionResourceId', resource_type, names)}"


@TABLE.add("managementGroupResourceId", "string", "string", "string+")
def management_group_resource_id(group: str, resource_type: str, *names: str) -> str:
    path = provider_path("managementGroupResourceId", resource_type, names)
    return f"/providers/Microsoft.Management/managementGroups/{group}/{path}"
