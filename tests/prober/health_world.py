"""One instance whose health is found out in virtual time, by the very code that the prober runs: documents, answers, counts, verdicts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.prober.tls_in_memory import found_over_tls
from upgrades.commands.load_balancers import INTERVAL, THRESHOLD
from upgrades.core.documents import ProbeModel, read, read_probe
from upgrades.core.json_fields import BadDocument
from upgrades.core.machines import ExtensionView, InstanceView
from upgrades.core.states import Health, Power, Provisioning
from upgrades.prober.counts import ProbeCounts
from upgrades.prober.probe_targets import Probed, ProbedSet
from upgrades.probes.answers import Answer, RichAnswer
from upgrades.probes.targets import ProbeProtocol, ProbeSettings, Result, Target

START = datetime(2018, 10, 1, tzinfo=UTC)
WITHOUT_PROBE = timedelta(seconds=5)  # between two looks at machines


class HealthWorld:
    """The clock moves by one interval with each probe, or look at the machine."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._seconds = 0.0
        self._disks = 0
        self._probe: ProbeSettings | None = None
        self._counts = ProbeCounts(clock=lambda: self._seconds)
        self._one = Probed(1, 0, "", "127.0.0.1", Health.INITIALIZING, START)
        self._machine = InstanceView("0", "", "16.04.1", Power.RUNNING, Provisioning.SUCCEEDED, "127.0.0.1")
        self.new_disk()

    def probe_of_load_balancer(self, settings: dict[str, str]) -> None:
        self._ask(lambda: read_probe(settings, interval=INTERVAL, threshold=THRESHOLD))

    def probe_of_extension(self, settings: dict[str, str]) -> None:
        """`version` is the extension's typeHandlerVersion; all the rest are its settings."""
        version, rest = settings.get("version", "1.0"), {k: v for k, v in settings.items() if k != "version"}
        self._ask(lambda: read(_document(version, rest)).extension_probe)

    def new_disk(self) -> None:
        """A reimage: health is void, and what the machine says of itself begins anew."""
        self._disks += 1
        self._one = replace(
            self._one,
            os_disk=f"disk {self._disks}",
            health=Health.INITIALIZING,
            health_since=START + timedelta(seconds=self._seconds),
        )
        self._machine = replace(self._machine, os_disk=self._one.os_disk)
        self._know()
        self._tell(f"a new OS disk, {self._one.os_disk}")

    def extensions(self, states: dict[str, str]) -> None:
        """What its extensions are from now on."""
        views = tuple(ExtensionView(name, Provisioning(state)) for name, state in states.items())
        failed, done = Provisioning.FAILED, Provisioning.SUCCEEDED
        self._one = replace(
            self._one,
            failed=tuple(extension.name for extension in views if extension.state is failed),
            late=tuple(extension.name for extension in views if extension.state not in (failed, done)),
        )
        self._machine = replace(self._machine, extensions=views)
        self._know()

    def machine(self, power: str, provisioning: str) -> None:
        """What its provider says of the machine from now on."""
        self._machine = replace(self._machine, power=Power(power), provisioning=Provisioning(provisioning))

    def look(self) -> None:
        """Where nothing is probed, the machine's own state is asked for."""
        self._seconds += WITHOUT_PROBE.total_seconds()
        self._counts.take_views(self._known(), {"0": self._machine})
        self._take_verdict(f"power {self._machine.power}, provisioning {self._machine.provisioning}")

    def answered(self, status: int, body: str, *, tls: str = "1.3", certificate: str = "self signed") -> None:
        """An HTTP answer, as its bytes come; where the probe is https, over TLS up to this version, with this certificate."""
        settings = self._settings()
        kind = RichAnswer if settings.is_rich else Answer
        said = f"HTTP/1.1 {status} Whatever\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()
        if settings.protocol is ProbeProtocol.HTTPS:
            health, detail = found_over_tls(said, kind, version=tls, certificate=certificate)
            self._found(health or settings.failure, detail)
            return
        answer = kind()
        assert answer.feed(said)
        self._found(*answer.verdict())

    def connected(self) -> None:
        """A TCP handshake: all that is asked for there."""
        self._found(Health.HEALTHY, "connected")

    def refused(self) -> None:
        """Nobody listens there."""
        self._found(self._settings().failure, "connection refused")

    def hung(self) -> None:
        """No answer in time."""
        settings = self._settings()
        self._found(settings.failure, f"no answer in {settings.timeout_seconds:g} s")

    def _ask(self, reads: Any) -> None:
        try:
            model: ProbeModel | None = reads()
        except BadDocument as error:
            self._tell(f"refused: {error}")
            return
        assert model
        protocol = ProbeProtocol(model.protocol)
        path, interval, count = model.path, model.interval_seconds, model.threshold
        self._probe = ProbeSettings(protocol, path, interval, count, model.is_rich, model.grace_seconds)
        grace = f", grace period {model.grace_seconds} s" if model.is_rich else ""
        self._tell(f"probed by {protocol} at port {model.port}{path} every {interval} s, {count} in a row count{grace}")
        self._know()

    def _found(self, health: Health, detail: str) -> None:
        settings = self._settings()
        self._seconds += settings.interval_seconds
        target = Target(self._one.pk, "127.0.0.1", 80, self._one.generation, settings)
        self._counts.take_result(Result(target, health, detail, 0.001))
        self._take_verdict(detail)

    def _take_verdict(self, seen: str) -> None:
        """A verdict is written to the instance's row, and read again."""
        verdicts = self._counts.take_unwritten().get(1, [])
        for verdict in verdicts:
            self._one = replace(self._one, health=verdict.health, detail=verdict.detail)
            self._know()
        blamed = f" ({self._one.detail})" if verdicts and self._one.detail != seen else ""
        self._tell(f"{seen}: {self._one.health}{blamed}")

    def _settings(self) -> ProbeSettings:
        assert self._probe, "nothing is probed: load-balancer or extension comes first"
        return self._probe

    def _known(self) -> ProbedSet:
        return ProbedSet(1, 0, "shop/web", {}, 1, "simulated", {}, self._probe, 80, {1: self._one})

    def _know(self) -> None:
        self._counts.know(self._known())

    def _tell(self, what: str) -> None:
        minutes, seconds = divmod(int(self._seconds), 60)
        self.lines.append(f"{minutes:3}m{seconds:02}s {what}")


def _document(version: str, settings: dict[str, str]) -> dict[str, Any]:
    extension = {
        "name": "health",
        "properties": {
            "publisher": "Microsoft.ManagedServices",
            "type": "ApplicationHealthLinux",
            "typeHandlerVersion": version,
            "settings": settings,
        },
    }
    image = {"publisher": "Canonical", "offer": "UbuntuServer", "sku": "16.04-LTS", "version": "latest"}
    profile = {"storageProfile": {"imageReference": image}, "extensionProfile": {"extensions": [extension]}}
    return {
        "location": "westeurope",
        "sku": {"name": "Standard_D2", "capacity": 1},
        "properties": {"virtualMachineProfile": profile},
    }
