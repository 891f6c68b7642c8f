"""Several clients at once: nothing is lost, nothing is made twice, nobody waits for ever."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Barrier, BrokenBarrierError

import pytest

from tests.arm.client import Api, Said, load_balancer, scale_set
from tests.arm.networks import HERE, PROPERTIES, id_of, path, store
from tests.stories import NOW, Json, a_scale_set, at_once, document, edited
from upgrades.commands.resources import change_resource
from upgrades.models import LoadBalancer, ResourceGroup, ScaleSet, StoredResource
from upgrades.models.stored_resource import ResourceDocument

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
FIELDS = ("maxBatchInstancePercent", "maxUnhealthyInstancePercent", "maxUnhealthyUpgradedInstancePercent")


def statuses(*acts: Callable[[], Said]) -> list[int]:
    said = at_once(*acts)
    assert all(isinstance(answer, Said) for answer in said), said
    return sorted(answer.status for answer in said)


def test_several_simultaneous_puts_create_only_once() -> None:
    api = Api()
    make = partial(api.put, scale_set(), document())
    assert statuses(make, make, make) == [200, 200, 201]
    assert (ScaleSet.objects.count(), ResourceGroup.objects.count()) == (1, 1)


def test_changes_of_different_fields_are_all_kept() -> None:
    api = Api()
    a_scale_set()

    def change(name: str) -> Said:
        return api.patch(scale_set(), {"properties": {"upgradePolicy": {"rollingUpgradePolicy": {name: 30}}}})

    assert statuses(*(partial(change, name) for name in FIELDS)) == [200, 200, 200]
    document = ScaleSet.objects.get().document
    assert document["properties"]["upgradePolicy"]["rollingUpgradePolicy"] == dict.fromkeys(FIELDS, 30)


def test_only_one_of_several_clients_with_the_same_etag_succeeds() -> None:
    api = Api()
    a_scale_set()
    etag = api.get(scale_set()).headers["ETag"]

    def change(owner: str) -> Said:
        return api.patch(scale_set(), {"tags": {"owner": owner}}, if_match=etag)

    assert statuses(*(partial(change, name) for name in "abc")) == [200, 412, 412]


def test_load_balancers_at_once() -> None:
    api = Api()
    probes = [{"name": "p", "properties": {"protocol": "Tcp", "port": 22}}]
    make = partial(api.put, load_balancer(), {"location": "westeurope", "properties": {"probes": probes}})
    assert statuses(make, make) == [200, 201]

    def tag(owner: str) -> Said:
        return api.put(load_balancer(), {"tags": {"owner": owner}})

    id = f"/subscriptions/{api.subscription}{load_balancer()}/probes/p"
    use = partial(api.put, scale_set(), document(probe_id=id))
    assert statuses(partial(tag, "a"), use, partial(tag, "b")) == [200, 200, 201]
    assert LoadBalancer.objects.count() == 1 and ScaleSet.objects.get().probe_port == 22


def test_deleting_a_group_during_a_put_into_it_leaves_no_orphan() -> None:
    """Never a group that is being deleted with a scale set in it that stays."""
    api = Api()
    for number in range(6):
        path = f"/resourceGroups/g{number}"
        api.put(path, {"location": "westeurope"})
        make = partial(api.put, scale_set(of=f"g{number}"), document(automatic=False))
        assert set(statuses(make, partial(api.delete, path))) <= {201, 202, 409}
        staying = ScaleSet.objects.filter(resource_group=f"g{number}", deleting=False).exists()
        assert ResourceGroup.objects.get(key=f"g{number}").deleting is not staying


def test_tags_of_groups_at_once() -> None:
    api = Api()
    api.put("/resourceGroups/fleet", {"location": "westeurope"})

    def put(name: str) -> Said:
        return api.put("/resourceGroups/fleet", {"location": "westeurope", "tags": {name: "1"}})

    assert statuses(*(partial(put, name) for name in "abcd")) == [200] * 4
    # Tags are replaced whole: the last one's are there, and nobody else's beside them.
    assert len(ResourceGroup.objects.get(key="fleet").document["tags"]) == 1


def test_networks_at_once() -> None:
    """Subnets of one network are all kept, and what is deleted meanwhile is either referred to or gone."""
    api, network = Api(), path("virtualNetworks")
    make = partial(api.put, network, {**HERE, "properties": PROPERTIES["virtualNetworks"]})
    assert statuses(make, make, make) == [200, 200, 201]
    subnets = [f"{network}/subnets/s{number}" for number in range(3)]
    body = {"properties": {"addressPrefix": "10.0.1.0/24"}}
    assert statuses(*(partial(api.put, subnet, body) for subnet in subnets)) == [201] * 3
    assert len(api.get(f"{network}/subnets")["value"]) == 4
    for number, subnet in enumerate(subnets):
        addresses = {"subnet": {"id": f"/subscriptions/{api.subscription}{subnet}"}}
        card = {"name": "nic", "properties": {"ipConfigurations": [{"name": "ip", "properties": addresses}]}}
        cards = "properties.virtualMachineProfile.networkProfile.networkInterfaceConfigurations"
        use = partial(api.put, scale_set(f"web{number}"), edited(document(), cards, [card]))
        assert statuses(use, partial(api.delete, subnet)) in ([201, 409], [200, 400])


def test_deleting_a_group_during_a_put_of_a_network_leaves_none() -> None:
    api = Api()
    for number in range(4):
        group = f"/resourceGroups/g{number}"
        api.put(group, HERE)
        make = partial(api.put, path("virtualNetworks", of=f"g{number}"), HERE)
        assert set(statuses(make, partial(api.delete, group))) <= {201, 202}
        there = StoredResource.objects.filter(resource_group=f"g{number}").exists()
        assert ResourceGroup.objects.get(key=f"g{number}").deleting is not there


def peering(id: str) -> Json:
    return {"virtualNetworkPeerings": [{"name": "p", "properties": {"remoteVirtualNetwork": {"id": id}}}]}


FRONT = {"frontendIPConfigurations": [{"name": "front"}]}


def rule(id: str) -> Json:
    front = {"id": f"{id}/frontendIPConfigurations/front"}
    return {**FRONT, "loadBalancingRules": [{"name": "r", "properties": {"frontendIPConfiguration": front}}]}


@pytest.mark.parametrize(("type", "refer"), [("virtualNetworks", peering), ("loadBalancers", rule)])
def test_two_resources_may_come_to_refer_to_each_other_at_once(type: str, refer: Callable[[str], Json]) -> None:
    """Neither waits for the other: both are locked in the same order by both."""
    api, meeting = Api(), Barrier(2)
    ids = {name: id_of(api, type, name) for name in "ab"}
    for name in ids:
        store(f"fleet/Microsoft.Network/{type}/{name}", FRONT if refer is rule else {})

    def change(name: str, other: str) -> None:
        def edit(row: ResourceDocument) -> Json:
            with suppress(BrokenBarrierError):
                meeting.wait(0.5)  # each has what it locks first
            return edited(row.document, "properties", refer(ids[other]))

        change_resource(f"fleet/Microsoft.Network/{type}/{name}", edit, NOW)

    assert at_once(partial(change, "a", "b"), partial(change, "b", "a")) == [None, None]
