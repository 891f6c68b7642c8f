"""All metrics that /metrics can have, as docs/metrics.md lists them."""

from dataclasses import dataclass

from dashboard.metrics import fleet, installation
from upgrades import measures
from upgrades.measuring import Kind


@dataclass(frozen=True)
class Listed:
    name: str
    kind: str
    labels: tuple[str, ...]
    help: str

    @property
    def row(self) -> str:
        labels = ", ".join(f"`{label}`" for label in self.labels)
        return f"| `{self.name}` | {self.kind} | {labels} | {self.help} |"

    @property
    def samples(self) -> set[str]:
        """The names of its samples, as PromQL asks for them."""
        return {f"{self.name}_{end}" for end in ("bucket", "count", "sum")} if self.kind == "histogram" else {self.name}


def of_the_fleet() -> list[Listed]:
    return [Listed(gauge.full_name, "gauge", gauge.labels, gauge.help) for gauge in fleet.GAUGES]


def of_the_installation() -> list[Listed]:
    return [Listed(gauge.full_name, "gauge", gauge.labels, gauge.help) for gauge in installation.GAUGES]


def of_processes() -> list[Listed]:
    return [
        Listed(
            f"{measure.name}_total" if measure.kind is Kind.COUNTER else measure.name,
            measure.kind.value,
            (*measure.labels, "program"),
            measure.help,
        )
        for measure in measures.ALL
    ]


def everything() -> list[Listed]:
    return [*of_the_fleet(), *of_the_installation(), *of_processes()]


def sample_names() -> set[str]:
    return {name for listed in everything() for name in listed.samples}
