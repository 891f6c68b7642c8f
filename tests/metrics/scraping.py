"""Scrapes /metrics in this process, and reads what comes of it as Prometheus would."""

from collections.abc import Iterator
from typing import Any

from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

Labels = tuple[tuple[str, str], ...]


def scrape(client: Client | None = None, **headers: str) -> str:
    answer = (client or Client()).get("/metrics", headers={"host": "localhost:8000", **headers})
    assert answer.status_code == 200, answer.content
    return answer.content.decode()


def samples(text: str) -> dict[str, dict[Labels, float]]:
    """{name: {labels: number}}"""
    found: dict[str, dict[Labels, float]] = {}
    for sample in _samples(text):
        found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def _samples(text: str) -> Iterator[Any]:
    for family in text_string_to_metric_families(text):
        yield from family.samples


def number(text: str, name: str, **labels: str) -> float:
    return samples(text)[f"rollgrid_{name}"][tuple(sorted(labels.items()))]
