"""One story for each command that is audited: what must be there, the act, and how the command then shows in the audit trail."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

from tests.commands.test_steering import stopped, upgrading
from tests.stories import NOW, UBUNTU, a_batch, a_scale_set, document, edited, health_extension, publish
from upgrades.commands import (
    access,
    approvals,
    defaults,
    deployments,
    fleet_stops,
    image_sources,
    images,
    importing,
    instance_operations,
    load_balancers,
    manual_upgrades,
    model_update,
    opt_outs,
    policies,
    protection,
    resource_groups,
    resources,
    scale_sets,
    steering,
    subscription_tags,
    token_keys,
    upgrades,
    wallboard_links,
)
from upgrades.core.facts import ImageReference
from upgrades.core.image_contents import ImageContents
from upgrades.core.states import InstanceUpgradeState, UpgradeStatus
from upgrades.models import ApiClient, ImageSource, ImportedImage, Instance, Location, ScaleSet

WEB = "fleet/web"
LATER = NOW + timedelta(seconds=5)
BALANCER = {"location": "westeurope", "properties": {"probes": []}}
DEFERRED = "properties.upgradePolicy.automaticOSUpgradePolicy.osRollingUpgradeDeferral"
PAUSES = {"pauseTimeBetweenBatches": "PT10M"}


class Story(NamedTuple):
    """`given` makes what must be there, and answers the act. `code` and `path`: of the entry that comes of it."""

    given: Callable[[], Callable[[], Any]]
    code: str
    path: str = WEB


def in_a_set(act: Callable[[], Any], **changes: Any) -> Callable[[], Callable[[], Any]]:
    def given() -> Callable[[], Any]:
        a_scale_set(**changes)
        return act

    return given


def in_an_upgrade(act: Callable[[], Any], **changes: Any) -> Callable[[], Callable[[], Any]]:
    def given() -> Callable[[], Any]:
        upgrading(**changes)
        return act

    return given


def _between_batches() -> Callable[[], Any]:
    a_batch(upgrading(rolling=PAUSES), {0: InstanceUpgradeState.SUCCEEDED}, finished=True)
    return partial(steering.next_batch_now, WEB, "ada", LATER)


def _was_stopped() -> Callable[[], Any]:
    stopped(UpgradeStatus.FAULTED)
    return partial(steering.retry_now, WEB, "ada", LATER)


DEPLOYMENT = deployments.NewDeployment(
    {}, {}, {}, "0", (), {"client_id": uuid.uuid4(), "is_https": True, "correlation_id": "c", "host": "localhost"}
)


def _deploys() -> Callable[[], Any]:
    deployments.begin_deployment("d", DEPLOYMENT, NOW)
    return partial(deployments.cancel_deployment, "d", LATER)


def _deploys_at_last() -> Callable[[], Any]:
    row = deployments.claim_deployment(deployments.begin_deployment("d", DEPLOYMENT, NOW)[0].pk, NOW)
    assert row is not None
    return partial(deployments.end_deployment, row, LATER)


def _has_deployed() -> Callable[[], Any]:
    _deploys()()
    return partial(deployments.delete_deployment, "d")


def _quarantined() -> Callable[[], Any]:
    a_scale_set()
    Instance.objects.filter(number=3).update(quarantined_at=NOW, failed_version="16.04.1")
    return partial(steering.release, WEB, ["3"], by="ada", now=LATER)


def _deferred() -> None:
    a_scale_set(model=edited(document(capacity=10), DEFERRED, True))
    publish("16.04.1")


def _waits_for_approval() -> Callable[[], Any]:
    _deferred()
    return partial(approvals.approve, WEB, ["1", "2"], by="ada", now=LATER)


def _is_approved() -> Callable[[], Any]:
    _waits_for_approval()()
    return partial(approvals.withdraw_approval, WEB, ["2"], by="ada", now=LATER)


def _has_another_size() -> Callable[[], Any]:
    row = a_scale_set()
    Instance.objects.update(model_parts={**row.model_parts, "size": "Standard_B1"})
    return partial(manual_upgrades.upgrade_instances, WEB, ["1"], by="ada", now=LATER)


def _has_extensions() -> Callable[[], Any]:
    a_scale_set(extensions=[health_extension()])
    return partial(upgrades.start_extensions, WEB, "ada", LATER)


def _can_be_started() -> Callable[[], Any]:
    a_scale_set()
    publish("16.04.1")
    return partial(upgrades.start, WEB, "ada", LATER)


def _opted_out() -> Callable[[], Any]:
    a_scale_set()
    opt_outs.opt_out(WEB, ["1"], reason="x", owner="me", now=NOW)
    return partial(opt_outs.opt_in, WEB, ["1", "2"], owner="ada", now=LATER)


def _is_being_opted_in() -> Callable[[], Any]:
    _opted_out()
    opt_outs.opt_in(WEB, ["1"], owner="me", now=NOW, delay=timedelta(seconds=10))
    return partial(opt_outs.undo_opt_in, WEB, ["1"], by="ada", now=LATER)


def _has_just_opted_out() -> Callable[[], Any]:
    a_scale_set()
    opt_outs.opt_out(WEB, ["1"], reason="x", owner="ada", now=NOW)
    return partial(opt_outs.undo_opt_out, WEB, ["1"], by="ada", now=LATER)


def _fleet_stopped() -> Callable[[], Any]:
    fleet_stops.stop_fleet(reason="x", owner="me", now=NOW)
    return partial(fleet_stops.end_fleet_stop, by="ada", now=LATER)


def _balancer() -> None:
    load_balancers.put_load_balancer("fleet/lb", BALANCER, NOW)


def _has_balancer() -> Callable[[], Any]:
    _balancer()
    return partial(load_balancers.delete_load_balancer, "fleet/lb")


def _changes_balancer() -> Callable[[], Any]:
    _balancer()
    changed = {**BALANCER, "tags": {"a": "b"}}
    return partial(load_balancers.change_load_balancer, "fleet/lb", lambda row: changed, LATER)


NETWORK = "fleet/Microsoft.Network/virtualNetworks/net"


def _puts_network(name: str = "a") -> Callable[[], Any]:
    return partial(resources.change_resource, NETWORK, lambda row: {"location": "westeurope", "tags": {name: "b"}}, NOW)


def _has_network() -> Callable[[], Any]:
    _puts_network()()
    return partial(resources.delete_resource, NETWORK)


def _protects() -> Callable[[], Any]:
    row = a_scale_set()
    return partial(protection.protect, row, 1, from_actions=None, from_scale_in=True, owner="ada", now=LATER)


def _group() -> Callable[[], Any]:
    place = Location.objects.get(name="westeurope")
    return partial(resource_groups.change_resource_group, "fleet", place, lambda row: {"tags": {"a": "b"}})


def _has_group() -> Callable[[], Any]:
    a_scale_set()
    return partial(resource_groups.delete_resource_group, "fleet", LATER)


def _client() -> None:
    access.create_client("terraform", ApiClient.Role.OPERATOR, NOW)


def _renews() -> Callable[[], Any]:
    _client()
    return partial(access.renew_secret, "terraform")


def _revokes() -> Callable[[], Any]:
    _client()
    return partial(access.revoke_client, "terraform", LATER)


def _linked(act: Callable[[], Any]) -> Callable[[], Callable[[], Any]]:
    def given() -> Callable[[], Any]:
        a_scale_set()
        wallboard_links.create_link("lobby", "ada", NOW)
        return act

    return given


def _has_a_key() -> Callable[[], Any]:
    token_keys.signing_key(NOW)
    return token_keys.end_all_tokens


def _edits(row: ScaleSet | None) -> Any:
    return edited(row.document, "sku.capacity", 4) if row else document(capacity=4)


FIRST = ImageReference(*UBUNTU, "0.0.1")
WITHDRAW = partial(images.withdraw_image, FIRST, LATER, by="ada", reason="it panics, debugging")


def _withdrawn() -> Callable[[], Any]:
    images.withdraw_image(FIRST, NOW, by="ada", reason="it panics")
    return partial(images.undo_withdrawal, FIRST, LATER, by="ada")


def _imported() -> Callable[[], Any]:
    a_scale_set()
    done = importing.ImageImport("there", "0" * 64, 5, ImageContents(kernel="6.1"))
    return partial(importing.record_import, FIRST, Location.objects.get(name="westeurope"), done, LATER)


def _not_needed() -> Callable[[], Any]:
    sku = a_scale_set().sku
    Location.objects.filter(name="westeurope").update(provider="qemu", settings={"images": "/nonexistent"})
    place = Location.objects.get(name="westeurope")
    row = ImportedImage.objects.create(
        sku=sku, version="0.0.1", location=place, sha256="0" * 64, size=5, imported_at=NOW
    )
    return partial(importing.remove_image, FIRST, row, LATER)


def _source_went_back() -> Callable[[], Any]:
    sku = a_scale_set().sku
    row = ImageSource.objects.create(name="ubuntu", kind="directory", sku=sku, newest_version="2.0")
    return partial(image_sources.accept_older, row, LATER)


PUBLISH = partial(images.publish_image, ImageReference(*UBUNTU, "16.04.9"), LATER)
OPT_OUT = partial(opt_outs.opt_out, WEB, ["1", "2"], reason="debugging", owner="ada", now=LATER)
CREATE = partial(access.create_client, "terraform", ApiClient.Role.OPERATOR, LATER)

STORIES = {
    "access.create_client": Story(lambda: CREATE, "ApiClientCreated", "terraform"),
    "access.renew_secret": Story(_renews, "ApiClientSecretRenewed", "terraform"),
    "access.revoke_client": Story(_revokes, "ApiClientRevoked", "terraform"),
    "wallboard_links.create_link": Story(
        lambda: partial(wallboard_links.create_link, "lobby", "ada", NOW), "WallboardLinkCreated", "lobby"
    ),
    "wallboard_links.change_link": Story(
        _linked(partial(wallboard_links.change_link, "lobby", groups=["fleet"])), "WallboardLinkChanged", "lobby"
    ),
    "wallboard_links.rotate_link": Story(
        _linked(partial(wallboard_links.rotate_link, "lobby", LATER)), "WallboardLinkRotated", "lobby"
    ),
    "wallboard_links.revoke_link": Story(
        _linked(partial(wallboard_links.revoke_link, "lobby", LATER)), "WallboardLinkRevoked", "lobby"
    ),
    "instance_operations.reimage": Story(
        in_a_set(partial(instance_operations.reimage, WEB, ["1"], by="ada", now=LATER)), "InstancesReimaged"
    ),
    "manual_upgrades.upgrade_instances": Story(_has_another_size, "InstancesUpgraded"),
    "instance_operations.delete_instances": Story(
        in_a_set(partial(instance_operations.delete_instances, WEB, ["1"], by="ada", now=LATER)), "InstancesDeleted"
    ),
    **{
        f"instance_operations.{name}": Story(
            in_a_set(partial(getattr(instance_operations, name), WEB, ["1"], by="ada", now=LATER)), code
        )
        for name, code in (
            ("start_machines", "InstancesStarted"),
            ("restart_machines", "InstancesRestarted"),
            ("power_off_machines", "InstancesPoweredOff"),
            ("deallocate_machines", "InstancesDeallocated"),
        )
    },
    "approvals.approve": Story(_waits_for_approval, "InstancesApproved"),
    "approvals.withdraw_approval": Story(_is_approved, "ApprovalWithdrawn"),
    "model_update.change_model": Story(
        in_a_set(partial(model_update.change_model, WEB, _edits, LATER)), "ScaleSetChanged"
    ),
    "defaults.set_defaults": Story(
        lambda: partial(defaults.set_defaults, max_batch_percent=10), "DefaultPolicyChanged", ""
    ),
    "fleet_stops.stop_fleet": Story(
        lambda: partial(fleet_stops.stop_fleet, reason="x", owner="ada", now=LATER), "FleetStopped", ""
    ),
    "fleet_stops.end_fleet_stop": Story(_fleet_stopped, "FleetStopEnded", ""),
    "importing.remove_image": Story(_not_needed, "ImageRemoved", f"{':'.join(UBUNTU)}:0.0.1"),
    "importing.record_import": Story(_imported, "ImageImported", f"{':'.join(UBUNTU)}:0.0.1"),
    "image_sources.accept_older": Story(_source_went_back, "ImageSourceAccepted", "ubuntu"),
    "images.withdraw_image": Story(lambda: WITHDRAW, "ImageWithdrawn", f"{':'.join(UBUNTU)}:0.0.1"),
    "images.undo_withdrawal": Story(_withdrawn, "ImageWithdrawalUndone", f"{':'.join(UBUNTU)}:0.0.1"),
    "images.publish_image": Story(lambda: PUBLISH, "ImagePublished", f"{':'.join(UBUNTU)}:16.04.9"),
    "deployments.begin_deployment": Story(
        lambda: partial(deployments.begin_deployment, "d", DEPLOYMENT, LATER), "DeploymentStarted", "d"
    ),
    "deployments.cancel_deployment": Story(_deploys, "DeploymentCancelled", "d"),
    "deployments.delete_deployment": Story(_has_deployed, "DeploymentDeleted", "d"),
    "deployments.end_deployment": Story(_deploys_at_last, "DeploymentEnded", "d"),
    "load_balancers.put_load_balancer": Story(
        lambda: partial(load_balancers.put_load_balancer, "fleet/lb", BALANCER, LATER),
        "LoadBalancerCreated",
        "fleet/lb",
    ),
    "load_balancers.change_load_balancer": Story(_changes_balancer, "LoadBalancerChanged", "fleet/lb"),
    "load_balancers.delete_load_balancer": Story(_has_balancer, "LoadBalancerDeleted", "fleet/lb"),
    "opt_outs.opt_out": Story(in_a_set(OPT_OUT), "InstancesOptedOut"),
    "opt_outs.opt_in": Story(_opted_out, "InstancesOptedIn"),
    "opt_outs.undo_opt_in": Story(_is_being_opted_in, "OptInUndone"),
    "opt_outs.undo_opt_out": Story(_has_just_opted_out, "OptOutUndone"),
    "policies.change_policy": Story(
        in_a_set(partial(policies.change_policy, WEB, {"automatic_upgrade": False}, LATER)), "ScaleSetChanged"
    ),
    "protection.protect": Story(_protects, "InstanceProtectionChanged"),
    "subscription_tags.change_subscription_tags": Story(
        lambda: partial(subscription_tags.change_subscription_tags, lambda before: {"a": "b"}),
        "SubscriptionTagsChanged",
        "",
    ),
    "resources.change_resource": Story(_puts_network, "ResourceCreated", NETWORK),
    "resources.delete_resource": Story(_has_network, "ResourceDeleted", NETWORK),
    "resource_groups.change_resource_group": Story(_group, "ResourceGroupCreated", "fleet"),
    "resource_groups.delete_resource_group": Story(_has_group, "ResourceGroupDeleted", "fleet"),
    "scale_sets.set_model": Story(lambda: partial(scale_sets.set_model, WEB, document(), LATER), "ScaleSetCreated"),
    "scale_sets.delete_scale_set": Story(in_a_set(partial(scale_sets.delete_scale_set, WEB, LATER)), "ScaleSetDeleted"),
    "steering.pause": Story(in_an_upgrade(partial(steering.pause, WEB, "ada", LATER)), "UpgradePaused"),
    "steering.resume": Story(lambda: _paused(), "UpgradeResumed"),
    "steering.next_batch_now": Story(_between_batches, "NextBatchRequested"),
    "steering.retry_now": Story(_was_stopped, "UpgradeRetried"),
    "steering.release": Story(_quarantined, "InstancesReleased"),
    "token_keys.end_all_tokens": Story(_has_a_key, "ApiTokensEnded", ""),
    "upgrades.start": Story(_can_be_started, "UpgradeStarted"),
    "upgrades.start_extensions": Story(_has_extensions, "ExtensionUpgradeStarted"),
    "upgrades.cancel": Story(in_an_upgrade(partial(upgrades.cancel, WEB, "ada", LATER)), "UpgradeCancelled"),
}


def _paused() -> Callable[[], Any]:
    upgrading()
    steering.pause(WEB, "me", NOW)
    return partial(steering.resume, WEB, "ada", LATER)
