"""The rule of consecutive results."""

from hypothesis import given
from hypothesis import strategies as st

from upgrades.core.states import Health
from upgrades.probes.counting import Count, judge

results = st.lists(st.booleans(), max_size=40)
thresholds = st.integers(1, 6)
states = st.sampled_from(Health)


def after(count: Count, oks: list[bool], threshold: int, generation: str = "disk") -> Count:
    for ok in oks:
        count = judge(count, generation, ok, threshold)
    return count


def expected(state: Health, oks: list[bool], threshold: int) -> Health:
    """The rule as it is said: the latest run of `threshold` equal results decides."""
    for end in range(len(oks), threshold - 1, -1):
        if len(latest := set(oks[end - threshold : end])) == 1:
            return Health.HEALTHY if latest.pop() else Health.UNHEALTHY
    return state


@given(states, results, thresholds)
def test_the_latest_run_of_equal_results_decides(state: Health, oks: list[bool], threshold: int) -> None:
    assert after(Count("disk", state), oks, threshold).state is expected(state, oks, threshold)


@given(states, results, results, thresholds)
def test_a_new_disk_voids_all_that_was(state: Health, old: list[bool], new: list[bool], threshold: int) -> None:
    before = after(Count("old", state), old, threshold, "old")
    assert before.on("disk") == Count("disk", Health.INITIALIZING)
    if new:
        assert after(before, new, threshold) == after(Count("disk", Health.INITIALIZING), new, threshold)


@given(states, results, thresholds)
def test_a_restarted_prober_counts_from_nothing_and_keeps_the_stored_state(
    state: Health, oks: list[bool], threshold: int
) -> None:
    restarted = Count("disk", after(Count("disk", state), oks, threshold).state)
    assert after(restarted, [True] * (threshold - 1), threshold).state is restarted.state
    assert after(restarted, [True] * threshold, threshold).state is Health.HEALTHY


def test_the_same_disk_changes_nothing() -> None:
    count = Count("disk", Health.HEALTHY, 3)
    assert count.on("disk") is count
