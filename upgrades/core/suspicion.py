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


def is_suspected(trial: VersionResults) -> bool:
    """Is the version suspected? A single failure does not count where others succeeded, in this scale set or in another.

    >>> [is_suspected(VersionResults(failed, succeeded)) for failed, succeeded in ((0, 9), (1, 0), (1, 1), (2, 0), (2, 8), (3, 9))]
    [False, True, False, True, False, True]
    >>> is_suspected(VersionResults(1, 0, succeeded_elsewhere=True)), is_suspected(VersionResults(2, 0, succeeded_elsewhere=True))
    (False, True)
    """
    if trial.failed < 2:
        return trial.failed == 1 and not _others_succeeded(trial)
    return exceeds(trial.failed, trial.tried, SUSPECT_PERCENT)


def is_to_be_quarantined(failures: Mapping[str, int], trials: Mapping[str, VersionResults]) -> bool:
    """Is this instance to be quarantined? `failures`: how often it failed on each version since its last successful upgrade.

    Failures on a suspected version do not count, nor failures on a version on which no other instance succeeded.

    >>> trials = {"1.1.0": VersionResults(1, 4), "1.2.0": VersionResults(5, 1), "1.3.0": VersionResults(1, 0)}
    >>> is_to_be_quarantined({"1.1.0": 3}, trials), is_to_be_quarantined({"1.1.0": 2, "1.2.0": 7, "1.3.0": 7}, trials)
    (True, False)
    """
    counted = (times for version, times in failures.items() if _blames_machines(trials.get(version, VersionResults())))
    return sum(counted) >= FAILURES_TO_QUARANTINE


def newest_good(published: Iterable[str], trials: Mapping[str, VersionResults]) -> str | None:
    """The newest of the published versions that is not suspected; None where there is none.

    >>> newest_good(["1.9.0", "1.10.0", "1.11.0"], {"1.11.0": VersionResults(failed=2)})
    '1.10.0'
    """
    return versions.newest(version for version in published if not is_suspected(trials.get(version, VersionResults())))


def _blames_machines(trial: VersionResults) -> bool:
    return _others_succeeded(trial) and not is_suspected(trial)


def _others_succeeded(trial: VersionResults) -> bool:
    return trial.succeeded > 0 or trial.succeeded_elsewhere
