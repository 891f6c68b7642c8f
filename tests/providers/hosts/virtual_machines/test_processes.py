"""QEMU processes are found by their UUID."""

import subprocess
import sys
from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.providers.hosts.virtual_machines.stand_in import qemu_process
from tests.waiting import wait_until
from upgrades.providers.hosts.virtual_machines import processes


@pytest.fixture
def uuid() -> str:
    return str(uuid4())


@pytest.fixture
def child(uuid: str) -> Iterator["subprocess.Popen[bytes]"]:
    with qemu_process(uuid) as child:
        yield child


def test_a_process_is_found_by_its_uuid(child: "subprocess.Popen[bytes]", uuid: str) -> None:
    found = processes.find(uuid)
    assert found
    assert (found.pid, found.uuid) == (child.pid, uuid)
    assert 0 <= found.age < 60
    assert processes.find(str(uuid4())) is None


def test_a_zombie_is_not_found(child: "subprocess.Popen[bytes]", uuid: str) -> None:
    assert child.stdin
    child.stdin.close()  # it ends, and nobody has asked for its exit code
    wait_until(lambda: processes.find(uuid) is None)
    assert child.returncode is None


def test_a_number_that_another_process_has_got_is_left_alone(child: "subprocess.Popen[bytes]", uuid: str) -> None:
    found = processes.find(uuid)
    assert found
    processes.kill(processes.Process(found.pid, uuid, found.started_at - 1))
    processes.kill(processes.Process(found.pid, str(uuid4()), found.started_at))
    assert processes.find(uuid) == found
    processes.kill(found)
    assert child.wait(timeout=30) == -9


def test_a_process_without_the_name_of_qemu_is_not_found() -> None:
    uuid = str(uuid4())
    command = [sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()", "-uuid", uuid]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        assert other.stdout.readline() == b"up\n"
        assert processes.find(uuid) is None
        other.communicate()
