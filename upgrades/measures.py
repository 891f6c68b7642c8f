"""The table of what processes measure. measuring.py says how. docs/metrics.md lists all metrics; a test compares the two."""

from upgrades.core.states import Health, OperationKind, UpgradeStatus
from upgrades.measuring import OTHER, TABLE, Kind, Measure
from upgrades.measuring import begin as begin  # from here, since the layout of the files is this table

SOON = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds
LATE = (1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 3600.0)  # seconds
# Providers of other packages are counted together, so that the number of series is bounded.
PROVIDERS = ("incus", "libvirt", "qemu", "remote", "simulated", OTHER)
CALLS = ("begin", "poll", "views", "quota", "image")
WORKER, PROBER = "worker", "prober"
WEB_SERVERS = ("daphne", "uvicorn")  # one of them runs
ENDED = tuple(status.value for status in (UpgradeStatus.COMPLETED, UpgradeStatus.CANCELLED, UpgradeStatus.FAULTED))


def _counter(name: str, help: str, *programs: str, **labels: tuple[str, ...]) -> Measure:
    return TABLE.add(Kind.COUNTER, name, help, programs, labels)


def _gauge(name: str, help: str, *programs: str) -> Measure:
    return TABLE.add(Kind.GAUGE, name, help, programs, {})


def _histogram(name: str, help: str, bounds: tuple[float, ...], *programs: str, **labels: tuple[str, ...]) -> Measure:
    return TABLE.add(Kind.HISTOGRAM, name, help, programs, labels, bounds)


PROBES = _counter("probes", "Health probes that had a result, by that result.", PROBER, result=tuple(Health))
PROBE_SECONDS = _histogram("probe_duration_seconds", "How long a health probe took.", SOON, PROBER)
PROBE_LAG = _histogram("probe_lag_seconds", "How much later than due a health probe began.", SOON, PROBER)

RECONCILE_SECONDS = _histogram(
    "reconcile_duration_seconds", "How long reconciling a scale set once took.", SOON, WORKER
)
OPERATION_SECONDS = _histogram(
    "operation_duration_seconds",
    "How long an operation on a machine took, from its record to its outcome.",
    LATE,
    WORKER,
    kind=tuple(OperationKind),
)
FAILED_OPERATIONS = _counter(
    "operations_failed", "Operations on machines that failed.", WORKER, kind=tuple(OperationKind)
)
BOOT_SECONDS = _histogram(
    "boot_duration_seconds", "How long an upgraded instance took to become healthy on its new OS disk.", LATE, WORKER
)
BATCH_SECONDS = _histogram("batch_duration_seconds", "How long a batch that finished took.", LATE, WORKER)
ENDED_UPGRADES = _counter("upgrades_ended", "Rolling upgrades that ended, by how.", WORKER, status=ENDED)

PROVIDER_SECONDS = _histogram(
    "provider_call_duration_seconds",
    "How long a call of a provider took. A poll waits until there is news, for up to 0.8 s.",
    SOON,
    WORKER,
    PROBER,
    provider=PROVIDERS,
    call=CALLS,
)
PROVIDER_ERRORS = _counter(
    "provider_errors",
    "Calls of a provider that failed: no answer in time, an error that may pass, a permanent one, or a fault of the provider itself.",
    WORKER,
    PROBER,
    provider=PROVIDERS,
    kind=("timeout", "temporary", "permanent", "fault"),
)

FEED_CLIENTS = _gauge("feed_clients", "Clients of the live feed that are connected.", *WEB_SERVERS)
FEED_FRAMES = _counter(
    "feed_frames_sent", "Frames with changes that were sent to clients of the live feed.", *WEB_SERVERS
)
FEED_LAG = _histogram(
    "feed_lag_seconds",
    "From when a change was written until it was sent to the clients of the live feed.",
    SOON,
    *WEB_SERVERS,
)

ALL = tuple(TABLE.measures)
