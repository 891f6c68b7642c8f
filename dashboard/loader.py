"""The loader: loads the code that the programs of `up` share, once, then forks a process for each program that `up` starts.

Loading takes most of a second of CPU. A program that is forked starts in a tenth of that, also when it takes the place of one that was
killed, and its memory is shared with the others. The loader opens no database, socket or event loop and starts no thread: nothing of the
kind survives a fork.

`python -m dashboard.loader LINE PID HANDLES ROOM`: LINE is a socket to `up`, whose process id is PID (dashboard/supervisor/forks.py is its
other end). HANDLES are those that programs may keep. ROOM is a long word: command lines of forked programs are written over it.
"""

import gc
import json
import os
import runpy
import socket
import sys
import threading
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from dashboard.process_names import show_process
from dashboard.supervisor import lifeline
from dashboard.supervisor.forks import MAX_REQUEST_BYTES

# What the programs import, except Daphne and Twisted, which make an event loop while they are imported.
SHARED = (
    "celery.apps.beat",
    "celery.apps.worker",
    "celery.bin.celery",
    "celery.concurrency.thread",
    "channels.generic.websocket",
    "dashboard.asgi",
    "dashboard.urls",
    "django.core.management.commands.migrate",
    "kombu.transport.redis",
    "upgrades.management.commands.demo",
    "upgrades.management.commands.prepare",
    "upgrades.management.commands.prober",
    "upgrades.prober.process",
    "upgrades.tasks",
    "uvloop",
)
WAIT_SECONDS = 0.001
# Objects of a kind that may be part of a cycle, from one collection to the next: with Python's own 700 it took 2 % of a worker's CPU.
GC_THRESHOLD = 10_000


@dataclass(frozen=True, slots=True)
class Request:
    """One program to run: `python -m MODULE ARGUMENTS`.

    `keep_open` are the handles that it keeps; `streams` become its stdin, stdout and stderr.
    """

    name: str
    module: str
    arguments: list[str]
    environment: dict[str, str]
    folder: str
    keep_open: list[int]
    streams: list[int]

    def run(self) -> None:
        """Run the program, in the process that was forked for it."""
        show_process(self.name, (sys.executable, "-m", self.module, *self.arguments))
        for number, stream in enumerate(self.streams):
            os.dup2(stream, number)
            os.close(stream)
        os.chdir(self.folder)
        os.environ.update(self.environment)
        sys.argv = [self.module, *self.arguments]
        runpy.run_module(self.module, run_name="__main__", alter_sys=True)


def load() -> None:
    """Import what the programs share."""
    import django
    from django.db import connection
    from django.urls import get_resolver

    django.setup()
    for module in SHARED:
        import_module(module)
    _ = connection.vendor, get_resolver().url_patterns
    if threading.active_count() > 1:
        raise RuntimeError(f"importing has started threads: {threading.enumerate()}")
    gc.collect()
    gc.freeze()  # the collector would write to memory that is shared
    gc.set_threshold(GC_THRESHOLD)


def serve(line: socket.socket, supervisor: int, handles: frozenset[int]) -> Request | None:
    """Fork a process for each request. Returns None in the loader, at the end; returns the request in each process that was forked.

    So each program begins with no more on its stack than it would have by itself.
    """
    line.send(b"{}")
    while True:
        message, streams, _, _ = socket.recv_fds(line, MAX_REQUEST_BYTES, 3)
        if not message:
            return None
        request = Request(**json.loads(message), streams=streams)
        if _fork(line, supervisor):
            for handle in (line.fileno(), *(handles - set(request.keep_open))):
                os.close(handle)
            line.detach()
            return request
        for stream in streams:
            os.close(stream)


def _fork(line: socket.socket, supervisor: int) -> bool:
    """Fork a child of the supervisor, which has made itself the parent of orphans for this moment. True in that child.

    The process in between ends at once, so that the child is an orphan. The child tells the supervisor its process id.
    """
    between = os.fork()
    if between:
        os.waitpid(between, 0)
        return False
    between = os.getpid()
    if os.fork():
        os._exit(0)
    os.setsid()
    while os.getppid() == between:
        threading.Event().wait(WAIT_SECONDS)
    lifeline.die_with(supervisor)
    line.send(json.dumps({"pid": os.getpid()}).encode())
    return True


def main(arguments: list[str]) -> Request | None:
    """Load and serve. Returns what a forked process is to run."""
    handle, supervisor, *handles = (int(argument) for argument in arguments[:-1])
    show_process("loader", (sys.executable, "-m", "dashboard.loader"))
    load()
    return serve(socket.socket(fileno=handle), supervisor, frozenset(handles))


if __name__ == "__main__":
    program: Any = main(sys.argv[1:])
    if program:
        program.run()
