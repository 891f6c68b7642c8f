"""The provider `qemu` keeps the contract of providers, with machines that boot. A part of it in each run, the rest with `-m slow`."""

import pytest

from tests.providers.contract import told
from tests.virtual_machines.host import Host
from upgrades.core.states import Provisioning
from upgrades.providers.checks import extensions, machines, power, restores
from upgrades.providers.checks.site import Check, Site

# What no other story here shows as well. The others take two minutes or more.
IN_EACH_RUN = {
    "a_created_machine_runs_and_is_seen",
    "a_scale_set_that_does_not_exist_has_no_machines",
    "empty_requests_do_nothing",
    "a_new_provider_object_knows_the_operation_too",
    "an_unknown_instance_cannot_be_reimaged",
    "an_unknown_instance_cannot_be_restored",
    "extensions_of_an_unknown_instance_cannot_be_run",
    "a_restored_machine_is_as_it_was",
    "missing_and_changed_extensions_run_in_order",
}


def _marked(checks: list[Check]) -> list[object]:
    return [
        pytest.param(check, id=check.name, marks=[] if check.name in IN_EACH_RUN else pytest.mark.slow)
        for check in checks
    ]


@pytest.fixture
def site(host: Host) -> Site:
    return host.site()


ALL = [*machines.checks.all, *restores.checks.all, *extensions.checks.all, *power.checks.all]


@pytest.mark.parametrize("check", _marked(ALL))
def test_contract(check: Check, site: Site) -> None:
    told(check, site)


@pytest.mark.slow
def test_a_machine_boots_with_the_accelerator_that_is_found_by_itself(host: Host) -> None:
    """Whether or not this computer's /dev/kvm is any good."""
    found_by_itself, site = host.but(accelerator="auto"), host.site()
    (view,) = found_by_itself.play(lambda provider: site.done(provider, site.create("0")))
    assert view.provisioning is Provisioning.SUCCEEDED
