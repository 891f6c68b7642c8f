"""Which machines run on another host: its libvirt says so, for their processes cannot be seen from here."""

import os
import time
from pathlib import Path
from typing import Any

from upgrades.providers.hosts.virtual_machines.machine import folder_of, noted_start
from upgrades.providers.hosts.virtual_machines.processes import Process, uptime
from upgrades.providers.libvirt.connection import Daemon, library
from upgrades.providers.libvirt.definition import Marks, marks_of
from upgrades.providers.libvirt.settings import LibvirtSettings

LONG_AGO = float("-inf")


class RemoteRuns:
    """Each machine of ours that is active, as a process without a number. All methods block: threads only."""

    def __init__(self, settings: LibvirtSettings, daemon: Daemon) -> None:
        self._settings, self._daemon = settings, daemon

    def running(self) -> dict[str, Process]:
        libvirt = library()
        with self._daemon.connected() as connection:
            domains = connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)
            found = [self._process(domain) for domain in domains]
        return {process.uuid: process for process in found if process}

    def find(self, uuid: str) -> Process | None:
        return self.running().get(uuid)

    def _process(self, domain: Any) -> Process | None:
        """None where it is not ours, or has just ended."""
        libvirt = library()
        try:
            marks = marks_of(domain.XMLDesc(0))
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                return None
            raise
        if marks is None or marks.folder != str(self._settings.machines.folder):
            return None
        return Process(0, domain.UUIDString(), self._started_at(marks))

    def _started_at(self, marks: Marks) -> float:
        """By the mark that was written right before; long ago where it has come up since."""
        machines = self._settings.machines
        if not marks.scale_set:
            return _changed_at(machines.folder / ".test-boot" / "disk.qcow2")
        noted = noted_start(folder_of(machines, marks.scale_set, marks.instance))
        return LONG_AGO if noted is None else noted


def _changed_at(file: Path) -> float:
    """By `uptime`."""
    try:
        return uptime() - (time.clock_gettime(time.CLOCK_REALTIME) - os.stat(file).st_ctime)
    except OSError:
        return LONG_AGO
