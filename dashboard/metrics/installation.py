"""This installation's own state: its parts and what they need, its certificate, and what its processes have measured."""

import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from cryptography import x509
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from dashboard import environment
from dashboard.metrics.series import Gauge, Series
from dashboard.shared_check import SharedCheck
from upgrades import engine_state, heartbeats, measures, measuring
from upgrades.measuring import Kind, Measure, Measured

DATABASE_UP = Gauge("database_up", "1 where the database takes writes, otherwise 0.")
DATABASE_SECONDS = Gauge("database_check_duration_seconds", "How long writing one row and committing it took.")
BROKER_UP = Gauge("broker_up", "1 where the broker answers, otherwise 0.")
BROKER_SECONDS = Gauge("broker_check_duration_seconds", "How long the answer of the broker took.")
HEARTBEAT_AGE = Gauge(
    "heartbeat_age_seconds", "How long ago a part last did its work; ticks are those that a worker did.", ("part",)
)
ENGINE_UP = Gauge("engine_up", "1 while all parts that upgrades need do their work, otherwise 0.")
CERTIFICATE = Gauge("tls_certificate_expiry_timestamp_seconds", "When the server's certificate ends, in Unix time.")

GAUGES = (DATABASE_UP, DATABASE_SECONDS, BROKER_UP, BROKER_SECONDS, HEARTBEAT_AGE, ENGINE_UP, CERTIFICATE)
FAMILIES = {Kind.COUNTER: CounterMetricFamily, Kind.GAUGE: GaugeMetricFamily, Kind.HISTOGRAM: HistogramMetricFamily}
MEASURES = measures.ALL


def families(
    home: Path, now: datetime, database: SharedCheck, broker: SharedCheck, *, simulator: bool
) -> Iterator[Metric]:
    """`database`, `broker`: the checks of /readyz. `simulator`: whether upgrades need it."""
    series = Series(GAUGES)
    _add_check(series, database, DATABASE_UP, DATABASE_SECONDS)
    _add_check(series, broker, BROKER_UP, BROKER_SECONDS)
    _add_heartbeats(series, home)
    series.set(ENGINE_UP, not engine_state.away(home, now, simulator=simulator))
    if (ends := _certificate_ends(home)) is not None:
        series.set(CERTIFICATE, ends)
    yield from series.families()
    yield from _measured(measuring.read(home))


def _add_check(series: Series, check: SharedCheck, up: Gauge, seconds: Gauge) -> None:
    series.set(up, not check.ask())
    if check.took is not None:
        series.set(seconds, check.took)


def _add_heartbeats(series: Series, home: Path) -> None:
    """Ages of parts that have worked since `up` began."""
    record = heartbeats.read(home)
    for part, heartbeat in record.heartbeats.items() if record else ():
        if 0 < heartbeat.worked_at <= (now := time.monotonic()):
            series.set(HEARTBEAT_AGE, now - heartbeat.worked_at, part.value)


def _certificate_ends(home: Path) -> float | None:
    """When the certificate ends that is served; None where it cannot be read."""
    given = environment.tls_files()
    try:
        content = (given[0] if given else home / "tls" / "server.pem").read_bytes()
        return x509.load_pem_x509_certificate(content).not_valid_after_utc.timestamp()
    except (OSError, ValueError):
        return None


def _measured(programs: Sequence[Measured]) -> Iterator[Metric]:
    for measure in MEASURES:
        family = FAMILIES[measure.kind](measure.name, measure.help, labels=(*measure.labels, "program"))
        for measured in programs:
            if measured.program.startswith(measure.programs):
                _add(family, measure, measured)
        yield family


def _add(family: Metric, measure: Measure, measured: Measured) -> None:
    if measure.kind is Kind.GAUGE and not measured.is_running:
        return
    for values, cells in measure.read(measured.cells):
        labels = (*values, measured.program)
        if isinstance(family, HistogramMetricFamily):
            if values and not any(cells):
                continue  # such as the calls of providers that are not used: a thousand lines
            family.add_metric(labels, _buckets(measure.bounds, cells), cells[-1])
        elif isinstance(family, CounterMetricFamily | GaugeMetricFamily):
            family.add_metric(labels, cells[0])


def _buckets(bounds: Sequence[float], cells: Sequence[float]) -> list[tuple[str, float]]:
    """(upper bound, how many are at most that). The last cell is the sum."""
    total, found = 0.0, []
    for bound, number in zip([*map(str, bounds), "+Inf"], cells[:-1], strict=True):
        total += number
        found.append((bound, total))
    return found
