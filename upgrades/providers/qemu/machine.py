"""One machine whose QEMU is started and asked directly."""

from upgrades.providers.base import ProviderError
from upgrades.providers.hosts import guest_agent
from upgrades.providers.hosts.guest_status import GuestStatus
from upgrades.providers.hosts.virtual_machines import user_network
from upgrades.providers.hosts.virtual_machines.machine import Live, VirtualMachine
from upgrades.providers.qemu.launch import Launch, launch
from upgrades.providers.qemu.monitor import NoAnswer, agent, monitor


class Machine(VirtualMachine):
    async def look(self) -> Live:
        try:
            async with monitor(self.folder) as ask:
                network = await ask("human-monitor-command", {"command-line": user_network.QUESTION})
                has_agent = any(
                    port["label"] == "agent" and port["frontend-open"] for port in await ask("query-chardev", {})
                )
        except NoAnswer:
            return Live("", None)
        return Live(user_network.address(network), await self._report() if has_agent else None)

    def start(self, accelerator: str) -> None:
        name = f"{self.key}/{self.instance}"
        self.note_start()
        launch(
            self._settings,
            Launch(self.uuid, name, self.folder, self.drives(self.disks.os_disk), accelerator, self._settings.ports),
        )

    async def power_down(self) -> None:
        await self._command("system_powerdown")

    async def quit(self) -> None:
        await self._command("quit")

    async def change_extensions(self, id: str, archive: bytes) -> None:
        async with agent(self.folder) as ask:
            await guest_agent.change_extensions(ask, id, archive)

    async def _command(self, command: str) -> None:
        try:
            async with monitor(self.folder) as ask:
                await ask(command, {})
        except ProviderError:
            return  # it is looked at again, and killed in the end

    async def _report(self) -> GuestStatus | None:
        try:
            async with agent(self.folder) as ask:
                return await guest_agent.report(ask)
        except ProviderError:
            return None
