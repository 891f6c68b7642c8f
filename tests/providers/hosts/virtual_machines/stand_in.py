"""A Python that is called QEMU stands in for one."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.waiting import wait_until
from upgrades.providers.hosts.virtual_machines import processes


@contextmanager
def qemu_process(uuid: str) -> Iterator["subprocess.Popen[bytes]"]:
    """It reads its standard input to the end."""
    command = ["/usr/bin/qemu-system-x86_64", "-c", "import sys; sys.stdin.read()", "-uuid", uuid]
    child = subprocess.Popen(command, executable=sys.executable, stdin=subprocess.PIPE)
    try:
        wait_until(lambda: processes.find(uuid))
        yield child
    finally:
        child.kill()
        child.communicate()
