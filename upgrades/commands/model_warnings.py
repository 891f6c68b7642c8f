"""Warnings about a scale set's model: what is allowed, and not recommended (S-25, S-34, S-36, S-38, A-6, A-18)."""

from django.conf import settings

from upgrades.commands.upgrade_requirements import TWO_HEALTH_SOURCES
from upgrades.core import load_balancers, warnings
from upgrades.core.documents import Model
from upgrades.core.resource_kinds import read_id
from upgrades.models import LoadBalancer, ScaleSet

NO_PROBE = (
    "no health probe is configured: health is judged by power and provisioning state alone. "
    "A probe of the application itself (networkProfile.healthProbe or the Application Health extension) is recommended."
)
SURGE_LOSES_DISKS = (
    "upgrades with maxSurge make new instances and delete the old ones with their data disks: what is on those is lost. Keep it elsewhere, "
    "or set rollingUpgradePolicy.maxSurge to false"
)
PINNED_TO_WITHDRAWN = (
    "its image version {version} was withdrawn by {by} ({reason}): new instances get the newest version that is left. Set another version, "
    'or "latest"'
)

SERVES_TRAFFIC = (
    "the probe {probe!r} also decides who gets traffic, by {rules}: an instance that has too much to do answers it late and counts as "
    "unhealthy, and upgrades wait or stop though its application works. Give upgrades a probe of their own, which does not depend on load"
)


def warnings_of(model: Model, row: ScaleSet) -> tuple[str, ...]:
    """All warnings: about fields of the document that do nothing here, and about the model."""
    return (*(warning.text for warning in warnings.warnings_of(row.document)), *model_warnings(model, row))


def model_warnings(model: Model, row: ScaleSet) -> tuple[str, ...]:
    """Warnings about what is allowed but not recommended (S-25, S-34, S-36, S-38, A-6, A-18)."""
    loses_disks = model.policy_by_hand.max_surge and model.machine.data_disks
    found = [SURGE_LOSES_DISKS] if loses_disks else []
    if withdrawal := row.sku.withdrawals().get(row.image_version):
        found.append(PINNED_TO_WITHDRAWN.format(version=row.image_version, by=withdrawal.by, reason=withdrawal.reason))
    if model.automatic_upgrade and not row.probe_protocol and not model.fabric:
        return (*found, NO_PROBE)
    if model.probe_id and model.extension_probe:
        found.append(TWO_HEALTH_SOURCES.format(what="The probe counts. Remove one before upgrades are automatic."))
    found += _traffic(model)
    if row.probe_interval_seconds * row.probe_threshold >= 120:
        found.append("the probe needs two minutes or more for a verdict; configure a shorter interval or fewer probes")
    if row.probe_grace_seconds > settings.HEALTH_WAIT_SECONDS:
        found.append(
            f"the grace period of {row.probe_grace_seconds} s is longer than the {settings.HEALTH_WAIT_SECONDS} s that an upgrade waits "
            "for an instance to be healthy; configure a shorter one"
        )
    return tuple(found)


def _traffic(model: Model) -> list[str]:
    """A warning where the load balancer steers traffic by the same probe (S-36, S-37)."""
    target = read_id(model.probe_id)
    balancer = LoadBalancer.objects.filter(key=target.key).first() if target else None
    rules = load_balancers.rules_of_probe(balancer.document, target.part_name) if balancer and target else []
    if not target or not rules:
        return []
    named = f"the rule{'s' if len(rules) > 1 else ''} {', '.join(rules)}"
    return [SERVES_TRAFFIC.format(probe=target.part_name, rules=named)]
