"""What a machine shows when libvirt has given up its guest agent."""

import asyncio
from pathlib import Path

from upgrades.providers.hosts.virtual_machines.machine import Live
from upgrades.providers.libvirt.connection import Daemon, LibvirtRefuses
from upgrades.providers.libvirt.definition import Marks
from upgrades.providers.libvirt.domain import Domain, Seen
from upgrades.providers.libvirt.machine import Machine
from upgrades.providers.libvirt.settings import read_settings

# As libvirt 9.0 says it, for ever, where QEMU ended while it wrote to the agent of the run before.
GIVEN_UP = "libvirt: Guest agent is not responding: QEMU guest agent is not available due to an error"
FORWARDS = "  TCP[HOST_FORWARD]  16       127.0.0.1 35811       10.0.2.15    80     0     0"


class Answering(Domain):
    """What libvirt answered in such a moment."""

    said = GIVEN_UP

    def ask_monitor(self, line: str) -> str:
        return FORWARDS

    def ask_agent(self, command: str) -> str:
        raise LibvirtRefuses(86, self.said)


def seen(tmp_path: Path, said: str) -> Live:
    settings = read_settings(tmp_path, {"network": "user"})
    machine = Machine(settings, Daemon("qemu:///system"), "rg/web", "0")
    domain = Answering(Daemon("qemu:///system"), machine.uuid, "rg-web-0", machine.folder, Marks("", "rg/web", "0"))
    domain.said, domain.seen = (
        said,
        Seen("rg-web-0", Marks("", "rg/web", "0"), {}, "tcg", is_active=True, has_agent=True),
    )
    machine.domain = domain
    return asyncio.run(machine.look())


def test_an_agent_that_libvirt_has_given_up_is_told_from_one_that_is_slow(tmp_path: Path) -> None:
    """Its machine is started again, for its report will not be heard any more. It has its address all the same."""
    address = "127.0.0.1 80=35811"
    assert seen(tmp_path, GIVEN_UP) == Live(address, None, is_cut_off=True)
    assert seen(tmp_path, "libvirt: Guest agent is not responding: Guest agent not available for now") == Live(
        address, None
    )
