"""Whether a version or a machine is to blame for failed upgrades.

A failure counts against the pair of an instance and a version. A version on which several instances fail is suspected: no instance is
quarantined for failing on it, and new instances do not get it. An instance that fails where others succeed is quarantined.
"""

from collections.abc import Iterable, Mapping

from upgrades.core import versions
from upgrades.core.facts import VersionResults
from upgrades.core.health import exceeds

FAILURES_TO_QUARANTINE = 3  # in a row, of one instance, on versions on which others succeeded
SUSPECT_PERCENT = 20  # of those that tried a version; as in an upgrade's limits, more than that must have failed


def is_suspected(results: VersionResults) -> bool:
    """Is the version suspected? A single failure does not count where others succeeded, in this scale set or in another.

    >>> [is_suspected(VersionResults(failed, succeeded)) for failed, succeeded in ((0, 9), (1, 0), (1, 1), (2, 0), (2, 8), (3, 9))]
    [False, True, False, True, False, True]
    >>> is_suspected(VersionResults(1, 0, succeeded_elsewhere=True)), is_suspected(VersionResults(2, 0, succeeded_elsewhere=True))
    (False, True)
    """
    if results.failed < 2:
        return results.failed == 1 and not _others_succeeded(results)
    return exceeds(results.failed, results.tried, SUSPECT_PERCENT)


def is_to_be_quarantined(failures: Mapping[str, int], results_by_version: Mapping[str, VersionResults]) -> bool:
    """Is this instance to be quarantined? `failures`: how often it failed on each version since its last successful upgrade.

    Failures on a suspected version do not count, nor failures on a version on which no other instance succeeded.

    >>> results = {"1.1.0": VersionResults(1, 4), "1.2.0": VersionResults(5, 1), "1.3.0": VersionResults(1, 0)}
    >>> is_to_be_quarantined({"1.1.0": 3}, results), is_to_be_quarantined({"1.1.0": 2, "1.2.0": 7, "1.3.0": 7}, results)
    (True, False)
    """
    counted = (
        times
        for version, times in failures.items()
        if _blames_machines(results_by_version.get(version, VersionResults()))
    )
    return sum(counted) >= FAILURES_TO_QUARANTINE


def newest_good(published: Iterable[str], results_by_version: Mapping[str, VersionResults]) -> str | None:
    """The newest of the published versions that is not suspected; None where there is none.

    >>> newest_good(["1.9.0", "1.10.0", "1.11.0"], {"1.11.0": VersionResults(failed=2)})
    '1.10.0'
    """
    return versions.newest(
        version for version in published if not is_suspected(results_by_version.get(version, VersionResults()))
    )


def _blames_machines(results: VersionResults) -> bool:
    return _others_succeeded(results) and not is_suspected(results)


def _others_succeeded(results: VersionResults) -> bool:
    return results.succeeded > 0 or results.succeeded_elsewhere
