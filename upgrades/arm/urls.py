"""What answers under which path. Names in paths are found in any case, with doubled and trailing slashes as some clients send them."""

import re
from collections.abc import Callable

from django.core.exceptions import BadRequest, DisallowedHost, SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.urls import ResolverMatch, URLPattern
from django.urls.resolvers import RegexPattern

from upgrades.arm import (
    activity_log,
    approvals,
    discovery,
    extensions,
    images,
    instance_extensions,
    instance_operations,
    instance_views,
    instances,
    name_availability,
    network_interfaces,
    not_kept,
    operations,
    preflight,
    resource_groups,
    resources,
    rolling_upgrades,
    run_commands,
    scale_sets,
    sizes,
    subscriptions,
    tags,
    token_service,
)
from upgrades.arm.deployments import group_export
from upgrades.arm.deployments import views as deployments
from upgrades.arm.requests import refused
from upgrades.arm.unknown_addresses import UNKNOWN_ADDRESS
from upgrades.core.resource_kinds import KINDS

SUBSCRIPTION = "subscriptions/{subscription}"
GROUP = f"{SUBSCRIPTION}/resourcegroups/{{group}}"
COMPUTE = "providers/microsoft.compute"
LOCATION = f"{SUBSCRIPTION}/{COMPUTE}/locations/{{location}}"
SETS = f"{COMPUTE}/virtualmachinescalesets"
SCALE_SET = f"{GROUP}/{SETS}/{{name}}"

# What has tags, and could have locks.
SCOPES = (SUBSCRIPTION, GROUP, f"{GROUP}/providers/{{namespace}}/{{type}}/{{name}}")

_NAME = re.compile(r"\{(\w+)\}")


class Route(URLPattern):
    """`path`: "a/{b}", what it was made of."""

    def __init__(self, path: str, view: Callable[..., HttpResponse]) -> None:
        self.path = path
        parts = (_NAME.sub(r"(?P<\1>[^/]+)", part.replace(".", r"\.")) for part in path.split("/"))
        super().__init__(_in_any_case("/+".join(parts) + "/*"), view)


def route(path: str, view: Callable[..., HttpResponse]) -> URLPattern:
    """ "a/{b}" and a view that takes b."""
    return Route(path, view)


def _matching(regex: str, view: Callable[..., HttpResponse]) -> URLPattern:
    return URLPattern(_in_any_case(regex), view)


def _in_any_case(regex: str) -> RegexPattern:
    """As of Django's `re_path`, which has no flags, and cannot reverse any address where a pattern has flags of its own."""
    pattern = RegexPattern(f"^[/]*{regex}$", is_endpoint=True)
    pattern.regex = re.compile(f"^[/]*{regex}$", re.IGNORECASE | re.ASCII)
    return pattern


IMAGES = f"{LOCATION}/publishers/{{publisher}}/artifacttypes/vmimage/offers"


def deployments_in(scope: str) -> list[URLPattern]:
    """What is asked of deployments in a resource group, or in the subscription."""
    every = f"{scope}/providers/microsoft.resources/deployments"
    single = f"{every}/{{name}}"
    return [
        route(every, deployments.ALL),
        route(single, deployments.ONE),
        route(f"{single}/validate", deployments.VALIDATE),
        route(f"{single}/whatif", deployments.WHAT_IF),
        route(f"{single}/cancel", deployments.CANCEL),
        route(f"{single}/exporttemplate", deployments.EXPORT),
        route(f"{single}/operationstatuses/{{operation}}", deployments.STATUS),
        # Clients ask for operations with /providers/ and without.
        *(
            pattern
            for place in (single, f"{scope}/deployments/{{name}}")
            for pattern in (
                route(f"{place}/operations", deployments.OPERATIONS),
                route(f"{place}/operations/{{operation}}", deployments.OPERATION),
            )
        ),
    ]


urlpatterns = [
    # before there is a token
    route("metadata/endpoints", discovery.ENDPOINTS),
    route("{tenant}/v2.0/.well-known/openid-configuration", discovery.OPENID_V2),
    route("{tenant}/.well-known/openid-configuration", discovery.OPENID),
    route("discovery/v2.0/keys", discovery.ALL_KEYS),
    route("discovery/keys", discovery.ALL_KEYS),
    route("{tenant}/discovery/v2.0/keys", discovery.KEYS),
    route("{tenant}/discovery/keys", discovery.KEYS),
    route("{tenant}/discovery/instance", discovery.INSTANCE),
    route("{tenant}/oauth2/v2.0/token", token_service.token),
    route("{tenant}/oauth2/token", token_service.token),
    route("{tenant}/oauth2/v2.0/{what}", token_service.not_done),
    route("{tenant}/oauth2/{what}", token_service.not_done),
    # what there is
    route("providers/microsoft.compute/operations", subscriptions.OPERATIONS_OF_COMPUTE),
    route("tenants", subscriptions.TENANTS),
    route("subscriptions", subscriptions.ALL),
    route(SUBSCRIPTION, subscriptions.ONE),
    route(f"{SUBSCRIPTION}/locations", subscriptions.LOCATIONS),
    route(f"{SUBSCRIPTION}/providers", subscriptions.PROVIDERS),
    route(f"{SUBSCRIPTION}/providers/{{namespace}}", subscriptions.PROVIDER),
    route(f"{SUBSCRIPTION}/providers/{{namespace}}/register", subscriptions.REGISTER),
    route(f"{SUBSCRIPTION}/resources", resource_groups.RESOURCES),
    route(f"{SUBSCRIPTION}/resourcegroups", resource_groups.ALL),
    route(GROUP, resource_groups.ONE),
    route(f"{GROUP}/resources", resource_groups.RESOURCES_OF_GROUP),
    route(f"{SUBSCRIPTION}/providers/microsoft.insights/eventtypes/management/values", activity_log.VALUES),
    # tags, and what there is none of
    *(
        route(f"{scope}/providers/microsoft.resources/tags/default", view)
        for scope, view in zip(SCOPES, (tags.OF_SUBSCRIPTION, tags.OF_GROUP, tags.OF_RESOURCE), strict=True)
    ),
    route(f"{SUBSCRIPTION}/tagnames", tags.NAMES),
    *(route(f"{scope}/{path}", view) for scope in SCOPES for path, view in not_kept.routes()),
    # sizes
    route(f"{LOCATION}/vmsizes", sizes.VM_SIZES),
    route(f"{LOCATION}/usages", sizes.USAGES),
    route(f"{SUBSCRIPTION}/{COMPUTE}/skus", sizes.SKUS),
    route(f"{SUBSCRIPTION}/providers/microsoft.network/locations/{{location}}/usages", sizes.NETWORK_USAGES),
    # images
    route(f"{LOCATION}/publishers", images.PUBLISHERS),
    route(IMAGES, images.OFFERS),
    route(f"{IMAGES}/{{offer}}/skus", images.SKUS),
    route(f"{IMAGES}/{{offer}}/skus/{{sku}}/versions", images.VERSIONS),
    route(f"{IMAGES}/{{offer}}/skus/{{sku}}/versions/{{version}}", images.VERSION),
    # scale sets
    route(f"{LOCATION}/operations/{{operation}}", operations.OPERATION),
    route(f"{LOCATION}/virtualmachinescalesets", scale_sets.OF_LOCATION),
    route(f"{SUBSCRIPTION}/{SETS}", scale_sets.OF_SUBSCRIPTION),
    route(f"{GROUP}/{SETS}", scale_sets.OF_GROUP),
    route(SCALE_SET, scale_sets.ONE),
    route(f"{SCALE_SET}/instanceview", instance_views.OF_SCALE_SET),
    route(f"{SCALE_SET}/extensions", extensions.ALL),
    route(f"{SCALE_SET}/extensions/{{extension}}", extensions.ONE),
    route(f"{SCALE_SET}/preflight", preflight.PREFLIGHT),
    route(f"{SCALE_SET}/skus", sizes.OF_SCALE_SET),
    route(f"{SCALE_SET}/osupgradehistory", rolling_upgrades.HISTORY),
    route(f"{SCALE_SET}/osrollingupgrade", rolling_upgrades.START),
    route(f"{SCALE_SET}/extensionrollingupgrade", rolling_upgrades.START_EXTENSIONS),
    route(f"{SCALE_SET}/approverollingupgrade", approvals.SCALE_SET),
    route(f"{SCALE_SET}/reimage", instance_operations.REIMAGE),
    route(f"{SCALE_SET}/reimageall", instance_operations.REIMAGE_ALL),
    route(f"{SCALE_SET}/manualupgrade", instance_operations.MANUAL_UPGRADE),
    route(f"{SCALE_SET}/delete", instance_operations.DELETE),
    route(f"{SCALE_SET}/rollingupgrades/latest", rolling_upgrades.LATEST),
    route(f"{SCALE_SET}/rollingupgrades/cancel", rolling_upgrades.CANCEL),
    route(f"{SCALE_SET}/virtualmachines", instances.ALL),
    route(f"{SCALE_SET}/virtualmachines/{{instance}}", instances.ONE),
    route(f"{SCALE_SET}/virtualmachines/{{instance}}/instanceview", instances.VIEW),
    route(f"{SCALE_SET}/virtualmachines/{{instance}}/approverollingupgrade", approvals.INSTANCE),
    route(f"{SCALE_SET}/virtualmachines/{{instance}}/reimage", instance_operations.REIMAGE_ONE),
    route(f"{SCALE_SET}/virtualmachines/{{instance}}/reimageall", instance_operations.REIMAGE_ALL_OF_ONE),
    *(
        view
        for name, (of_some, of_one) in instance_operations.POWER.items()
        for view in (
            route(f"{SCALE_SET}/{name}", of_some),
            route(f"{SCALE_SET}/virtualmachines/{{instance}}/{name}", of_one),
        )
    ),
    route(f"{SCALE_SET}/virtualmachines/{{instance}}/runcommands", run_commands.OF_INSTANCE),
    route(f"{LOCATION}/runcommands", run_commands.DOCUMENTS),
    route(f"{LOCATION}/runcommands/{{document}}", run_commands.DOCUMENT),
    route(f"{SCALE_SET}/virtualmachines/{{instance}}/extensions", instance_extensions.ALL),
    route(f"{SCALE_SET}/virtualmachines/{{instance}}/extensions/{{extension}}", instance_extensions.ONE),
    *(route(f"{SCALE_SET}/{path}", view) for path, view in network_interfaces.ROUTES),
    # networks and what belongs to them
    *(
        route(f"{SUBSCRIPTION}/providers/{namespace}/checknameavailability", name_availability.view_of(namespace))
        for namespace in name_availability.KINDS
    ),
    *(route(f"{SUBSCRIPTION}/providers/{kind.type.lower()}", resources.of_subscription(kind)) for kind in KINDS),
    *(route(f"{GROUP}/providers/{path}", view) for kind in KINDS for path, view in resources.routes(kind)),
    # deployments
    *deployments_in(SUBSCRIPTION),
    *deployments_in(GROUP),
    route(f"{GROUP}/exporttemplate", group_export.OF_GROUP),
    route("providers/microsoft.resources/calculatetemplatehash", deployments.TEMPLATE_HASH),
    *(
        _matching(rf"{first}(?:/[\s\S]*)?", UNKNOWN_ADDRESS)
        for first in ("subscriptions", "providers", "tenants", "batch")
    ),
]


def found_at(path: str) -> ResolverMatch | None:
    """What of the API is under that path, if anything is."""
    return next(filter(None, (pattern.resolve(path) for pattern in urlpatterns)), None)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse | None:
    """For what Django refuses before any view is asked, a host that is not ours for one: JSON for clients of the API; None for others."""
    found = found_at(request.path_info)
    if found is None:
        return None
    if found.func is not token_service.token:
        is_known = isinstance(exception, SuspiciousOperation | BadRequest)
        return refused(request, exception if is_known else BadRequest("it cannot be read"))
    return token_service.not_here() if isinstance(exception, DisallowedHost) else token_service.not_a_form()
