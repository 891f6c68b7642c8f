"""Gauges of one scrape: which there are, and their numbers as they come together."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

MAX_SCALE_SETS = 500  # that have a label of their own
OTHER = "other"  # the label of all others together


@dataclass(frozen=True, slots=True)
class Gauge:
    """A gauge. `join`: how the numbers of those that share the label "other" become one."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    join: Callable[[Iterable[float]], float] = sum

    @property
    def full_name(self) -> str:
        return f"rollgrid_{self.name}"


@dataclass(slots=True)
class Series:
    """The numbers of one scrape. Gauges that were set nowhere are written too, without numbers, so that their help is there."""

    gauges: tuple[Gauge, ...]
    _numbers: dict[str, dict[tuple[str, ...], list[float]]] = field(default_factory=dict)

    def set(self, gauge: Gauge, number: float, *values: str) -> None:
        self._numbers.setdefault(gauge.name, {}).setdefault(values, []).append(number)

    def families(self) -> Iterator[Metric]:
        for gauge in self.gauges:
            family = GaugeMetricFamily(gauge.full_name, gauge.help, labels=gauge.labels)
            for values, numbers in self._numbers.get(gauge.name, {}).items():
                family.add_metric(values, gauge.join(numbers))
            yield family


def labels_of(keys: Iterable[str]) -> dict[str, str]:
    """{key of a scale set: its label}. `keys`: the oldest first, so that a new scale set takes no other's label."""
    return {key: key if number < MAX_SCALE_SETS else OTHER for number, key in enumerate(keys)}
