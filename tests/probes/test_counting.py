"""The rule of consecutive results, and how initializing ends."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrades.core.states import Health
from upgrades.probes.counting import Count, after_grace, judge
from upgrades.probes.targets import ProbeProtocol, ProbeSettings

HEALTHY, UNHEALTHY, UNKNOWN, INITIALIZING = Health.HEALTHY, Health.UNHEALTHY, Health.UNKNOWN, Health.INITIALIZING
results = st.lists(st.sampled_from([HEALTHY, UNHEALTHY, UNKNOWN]), max_size=40)
thresholds = st.integers(1, 6)
states = st.sampled_from(Health)


def probe(threshold: int = 1, *, http: bool = True, rich: bool = False, grace: float = 0) -> ProbeSettings:
    protocol, path = (ProbeProtocol.HTTP, "/") if http else (ProbeProtocol.TCP, "")
    return ProbeSettings(protocol, path, 5, threshold, is_rich=rich, grace_seconds=grace)


def after(count: Count, found: Sequence[Health], settings: ProbeSettings, generation: str = "disk") -> Count:
    for health in found:
        count = judge(count, generation, health, settings)
    return count


def expected(state: Health, found: list[Health], threshold: int) -> Health:
    """The rule as it is said: the latest run of `threshold` equal results decides."""
    for end in range(len(found), threshold - 1, -1):
        if len(latest := set(found[end - threshold : end])) == 1:
            return latest.pop()
    return state


@given(states, results, thresholds)
def test_the_latest_run_of_equal_results_decides(state: Health, found: list[Health], threshold: int) -> None:
    assert after(Count("disk", state), found, probe(threshold)).state is expected(state, found, threshold)


@given(states, results, results, thresholds)
def test_a_new_disk_voids_all_that_was(state: Health, old: list[Health], new: list[Health], threshold: int) -> None:
    before = after(Count("old", state), old, probe(threshold), "old")
    assert before.on("disk") == Count("disk", INITIALIZING)
    if new:
        assert after(before, new, probe(threshold)) == after(Count("disk", INITIALIZING), new, probe(threshold))


@given(states, results, thresholds)
def test_a_restarted_prober_counts_from_nothing_and_keeps_the_stored_state(
    state: Health, found: list[Health], threshold: int
) -> None:
    restarted = Count("disk", after(Count("disk", state), found, probe(threshold)).state)
    assert after(restarted, [HEALTHY] * (threshold - 1), probe(threshold)).state is restarted.state
    assert after(restarted, [HEALTHY] * threshold, probe(threshold)).state is HEALTHY


def test_the_same_disk_changes_nothing() -> None:
    count = Count("disk", HEALTHY, HEALTHY, 3)
    assert count.on("disk") is count


def test_a_result_that_proves_nothing_new_makes_no_new_count() -> None:
    """Thousands a second are like that."""
    count = after(Count("disk", INITIALIZING), [HEALTHY] * 2, probe(2))
    assert judge(count, "disk", HEALTHY, probe(2)) is count


@given(states, results, results, thresholds, thresholds)
def test_a_changed_threshold_holds_from_the_next_result_on(
    state: Health, old: list[Health], new: list[Health], was: int, now: int
) -> None:
    count = after(after(Count("disk", state), old, probe(was)), new, probe(now))
    if len(new) >= now and len(set(new[-now:])) == 1:
        assert count.state is new[-1]


# the table of Z-3.3. What is stored, what is found, what then is.
RICH_HTTP, RICH_TCP = probe(3, rich=True, grace=60), probe(3, rich=True, grace=60, http=False)
TABLE = [
    (RICH_HTTP, INITIALIZING, [HEALTHY] * 2, INITIALIZING),
    (RICH_HTTP, INITIALIZING, [HEALTHY] * 3, HEALTHY),
    (RICH_HTTP, INITIALIZING, [UNHEALTHY] * 3, UNHEALTHY),
    (RICH_HTTP, INITIALIZING, [UNKNOWN] * 9, INITIALIZING),
    (RICH_HTTP, INITIALIZING, [UNKNOWN] * 9 + [HEALTHY] * 3, HEALTHY),
    (RICH_HTTP, INITIALIZING, [HEALTHY, HEALTHY, UNHEALTHY] * 3, INITIALIZING),
    (RICH_HTTP, HEALTHY, [UNKNOWN] * 2, HEALTHY),
    (RICH_HTTP, HEALTHY, [UNKNOWN] * 3, UNKNOWN),
    (RICH_HTTP, HEALTHY, [UNHEALTHY] * 3, UNHEALTHY),
    (RICH_HTTP, HEALTHY, [UNHEALTHY, UNHEALTHY, UNKNOWN] * 3, HEALTHY),
    (RICH_HTTP, UNHEALTHY, [UNKNOWN] * 3, UNKNOWN),
    (RICH_HTTP, UNHEALTHY, [HEALTHY] * 3, HEALTHY),
    (RICH_HTTP, UNKNOWN, [HEALTHY] * 2, UNKNOWN),
    (RICH_HTTP, UNKNOWN, [HEALTHY] * 3, HEALTHY),
    (RICH_HTTP, UNKNOWN, [UNHEALTHY] * 3, UNHEALTHY),
    (RICH_TCP, INITIALIZING, [HEALTHY] * 3, HEALTHY),
    (RICH_TCP, INITIALIZING, [UNHEALTHY] * 9, INITIALIZING),
    (RICH_TCP, HEALTHY, [UNHEALTHY] * 3, UNHEALTHY),
    (RICH_TCP, UNHEALTHY, [HEALTHY] * 3, HEALTHY),
    (probe(3), INITIALIZING, [UNHEALTHY] * 3, UNHEALTHY),
    (probe(3), INITIALIZING, [HEALTHY] * 3, HEALTHY),
    (probe(3, http=False), INITIALIZING, [UNHEALTHY] * 3, UNHEALTHY),
]


@pytest.mark.parametrize(("settings", "state", "found", "then"), TABLE)
def test_the_table_of_the_application_health_extension(
    settings: ProbeSettings, state: Health, found: list[Health], then: Health
) -> None:
    assert after(Count("disk", state), found, settings).state is then


@pytest.mark.parametrize(
    ("settings", "state", "seconds", "then"),
    [
        (RICH_HTTP, INITIALIZING, 59.9, INITIALIZING),
        (RICH_HTTP, INITIALIZING, 60, UNKNOWN),
        (RICH_TCP, INITIALIZING, 60, UNHEALTHY),
        (RICH_HTTP, HEALTHY, 60, HEALTHY),
        (RICH_TCP, UNHEALTHY, 60, UNHEALTHY),
        (probe(3), INITIALIZING, 9999, INITIALIZING),
    ],
)
def test_initializing_ends_with_the_grace_period(
    settings: ProbeSettings, state: Health, seconds: float, then: Health
) -> None:
    """A-8: "grace end (http -> Unknown, tcp -> Unhealthy)"."""
    assert after_grace(Count("disk", state), seconds, settings).state is then


def test_results_of_the_grace_period_still_count_after_it() -> None:
    count = after_grace(after(Count("disk", INITIALIZING), [HEALTHY] * 2, RICH_HTTP), 60, RICH_HTTP)
    assert (count.state, judge(count, "disk", HEALTHY, RICH_HTTP).state) == (UNKNOWN, HEALTHY)
