"""All children together: in which order they start and stop, and what goes on in between."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

from dashboard import environment
from dashboard.supervisor import broker, readiness, tls
from dashboard.supervisor.children import Child, cause
from dashboard.supervisor.output import Output
from dashboard.supervisor.problems import CannotStart
from dashboard.supervisor.program import Program
from dashboard.supervisor.programs import Options, Programs
from dashboard.supervisor.watching import Question, Watch
from upgrades import atomic_files
from upgrades.heartbeats import Heartbeats, Part
from upgrades.installation import ADDRESS_FILE

POLL_SECONDS = 0.05
BROKER_SECONDS = 30.0  # far more than it takes; a loaded machine is slow
SIMULATOR_SECONDS = 10.0
ASK_SECONDS = 1.0
BROKEN_BROKER = "the broker does not start: its lines above say why"
STILL_WAITING_SECONDS = 15.0
LOOK_AT_CERTIFICATE_SECONDS = 60.0  # a clock that is set may end a certificate
# Takes the address of the https port, and what `prepare` answered.
OnReady = Callable[[str, Mapping[str, object]], None]
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stack:
    """Starts, keeps and stops everything. `opener` is the write end of the gate that the early children wait at."""

    def __init__(
        self,
        options: Options,
        programs: Programs,
        own_broker: Program | None,
        opener: int,
        output: Output,
        on_ready: OnReady,
    ) -> None:
        self._options = options
        self._programs = programs
        self._output = output
        self._opener = opener
        self._on_ready = on_ready
        self._broker = Child(own_broker, output) if own_broker else None
        self._result: dict[str, object] = {}
        self._prepare = self._child(programs.prepare, self._hear_prepare)
        self._simulator = Child(programs.simulator, output) if programs.simulator else None
        self._workers: list[Child] = []
        self._asked_to_stop = asyncio.Event()

    async def run(self) -> int:
        """Until it is told to stop. Raises CannotStart, with nothing left running, where it cannot start."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._stop_or_kill)
        work = asyncio.create_task(self._work())
        stop = asyncio.create_task(self._asked_to_stop.wait())
        try:
            await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            work.cancel()
            stop.cancel()
            await asyncio.gather(work, stop, return_exceptions=True)
            await self._bring_down()
        return 0

    async def _work(self) -> None:
        await self._bring_up()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch().run())
            group.create_task(self._serve())

    async def _serve(self) -> None:
        await self._until_ready()
        self._announce()
        await self._look_after_certificate()

    def _watch(self) -> Watch:
        """Over all children that there are now; those that only answer are asked."""
        plain = self._options.http_port
        ask_server = partial(readiness.answers, self._options.host, plain or self._options.https_port, not plain)
        ask_simulator = partial(readiness.simulator_answers, self._options.home)
        questions: dict[Part, Question] = {
            Part.DAPHNE: ask_server,
            Part.UVICORN: ask_server,
            Part.SIMULATOR: ask_simulator,
            Part.BROKER: broker.answers,
        }
        watch = Watch(Heartbeats(self._options.heartbeats), self._output, environment.hang_seconds())
        for child in self._everyone():
            if child is not self._prepare and child.is_kept:
                part = Part(child.program.name)
                watch.add(part, child, questions.get(part))
        watch.add_ticks()
        return watch

    async def _bring_up(self) -> None:
        """Broker and database side by side; the web server and the worker load meanwhile and wait at the gate."""
        if self._broker:
            self._broker.keep_running()
        preparing = self._prepare.run_once()
        self._files = tls.prepare(self._options.home, self._options.host, datetime.now(UTC))
        self._contents = self._files.contents()
        self._web = self._child(self._programs.web(self._files))
        self._start(self._web)
        for program in self._programs.early:
            self._start(self._child(program))
        code = await asyncio.shield(preparing)
        if code != 0:
            raise CannotStart(f"the database could not be prepared ({cause(code)}): its lines above say why")
        await self._until_broker_answers()
        if self._simulator and self._result.get("simulator"):
            self._simulator.keep_running()
        self._open_gate()
        await self._until_simulator_answers()
        for program in self._programs.late:
            self._start(self._child(program))

    def _child(self, program: Program, listener: Callable[[str], bool] | None = None) -> Child:
        return Child(program, self._output, listener, self._programs.forks)

    def _start(self, child: Child) -> None:
        self._workers.append(child)
        child.keep_running()

    def _hear_prepare(self, line: str) -> bool:
        """Its last line is for us: JSON that says what else is needed."""
        try:
            answer = json.loads(line) if line.startswith("{") else None
        except ValueError:
            return False
        self._result = answer if isinstance(answer, dict) else {}
        return answer is not None

    async def _until_broker_answers(self) -> None:
        if not self._broker:
            return
        try:
            async with asyncio.timeout(BROKER_SECONDS):
                while not await broker.answers():
                    if self._broker.ends >= 3:
                        raise CannotStart(BROKEN_BROKER)
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            raise CannotStart(BROKEN_BROKER) from None

    async def _until_simulator_answers(self) -> None:
        """Its machines are up then: a prober that asked before would find them unhealthy. One that never answers holds up nothing."""
        if not self._simulator or not self._simulator.is_kept:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(SIMULATOR_SECONDS):
                while not await readiness.simulator_answers(self._options.home, ASK_SECONDS):
                    await asyncio.sleep(POLL_SECONDS)

    def _open_gate(self) -> None:
        if self._opener >= 0:
            os.close(self._opener)
            self._opener = -1

    async def _until_ready(self) -> None:
        loop = asyncio.get_running_loop()
        speak_at = loop.time() + STILL_WAITING_SECONDS
        while missing := await self._missing():
            if loop.time() > speak_at:
                self._output.say(f"still waiting for: {', '.join(missing)}")
                speak_at = loop.time() + STILL_WAITING_SECONDS
            await asyncio.sleep(POLL_SECONDS)

    async def _missing(self) -> list[str]:
        plain = self._options.http_port
        return await readiness.missing(self._options.host, plain or self._options.https_port, tls=not plain)

    def _announce(self) -> None:
        host = readiness.reachable(self._options.host)
        host = f"[{host}]" if ":" in host else host
        plain = f"http://{host}:{self._options.http_port}" if self._options.http_port else ""
        secure = f"https://{host}:{self._options.https_port}"
        with suppress(OSError):  # it only tells commands of the terminal the address
            atomic_files.replace(self._options.home / ADDRESS_FILE, f"{plain or secure}\n".encode())
        sys.stdout.write(f"ready {f'{plain}/ ' if plain else ''}{secure}/\n")
        self._on_ready(secure, self._result)
        sys.stdout.flush()

    async def _look_after_certificate(self) -> None:
        """Ours is renewed in time, the operator's is read again when it has changed; either way the web server starts anew."""
        while True:
            await asyncio.sleep(LOOK_AT_CERTIFICATE_SECONDS)
            try:
                self._files = tls.prepare(self._options.home, self._options.host, datetime.now(UTC))
                contents = self._files.contents()
            except (CannotStart, OSError) as problem:
                self._output.say(f"the certificate in use stays: {problem}")
                continue
            if contents != self._contents:
                self._contents = contents
                self._output.say(f"the certificate is a new one: {self._options.server} starts again with it")
                self._web.renew()

    def _stop_or_kill(self) -> None:
        if not self._asked_to_stop.is_set():
            self._asked_to_stop.set()
            self._output.say("stopping; once more to kill at once")
            return
        for child in self._everyone():
            child.kill()

    def _everyone(self) -> list[Child]:
        return [child for child in (*self._workers, self._prepare, self._simulator, self._broker) if child]

    async def _bring_down(self) -> None:
        """First those that use the others: what they still have to say, they can."""
        self._open_gate()
        await asyncio.gather(*(child.stop() for child in (*self._workers, self._prepare)))
        for child in (self._simulator, self._broker):
            if child:
                await child.stop()
        if self._programs.forks:
            await self._programs.forks.end()
