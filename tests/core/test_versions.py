"""Image versions are numbers, not text."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrades.core import versions
from upgrades.core.versions import BadVersion


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("20348.825", "20348.1006"),  # Z-4.6
        ("16.04.9", "16.04.10"),
        ("9.0.0", "10.0.0"),
        ("0.0.1", "16.04.201809250"),
        ("2016.127.20180613", "2016.127.20180815"),
        ("1.2.3", "1.2.3.1"),
        ("1.2.999999999999999998", "1.2.999999999999999999"),
    ],
)
def test_older_and_newer(older: str, newer: str) -> None:
    assert versions.is_older(older, newer)
    assert not versions.is_older(newer, older)
    assert versions.newest([newer, older]) == versions.newest([older, newer]) == newer


def test_leading_zeros_do_not_count() -> None:
    assert not versions.is_older("16.04.9", "16.4.9") and not versions.is_older("16.4.9", "16.04.9")


def test_the_newest_of_none() -> None:
    assert versions.newest([]) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "latest",
        "1",
        "1.",
        ".1",
        "1..2",
        "1.2.3.4.5",
        "1.2-3",
        "-1.2",
        "1.-2",
        "+1.2",
        " 1.2",
        "1.2 ",
        "1.2\n",
        "1,2",
    ]
    + ["v1.2", "1.2a", "١.٢", "1.2.3.", "1" * 19 + ".1", "1.2\0", "0x1.2", "1_0.2"],
)
def test_invalid_versions_are_refused(text: str) -> None:
    with pytest.raises(BadVersion, match="an image version is 2 to 4 numbers"):
        versions.parse(text)


@given(
    st.lists(st.integers(0, 10**18 - 1), min_size=2, max_size=4), st.lists(st.integers(0, 99), min_size=2, max_size=4)
)
def test_versions_are_in_the_order_of_their_numbers(left: list[int], other: list[int]) -> None:
    assert versions.is_older(".".join(map(str, left)), ".".join(map(str, other))) == (left < other)


@pytest.mark.parametrize(
    ("latest", "expected"),
    [
        ("16.04.201808140", "16.04.201809250"),
        ("16.04.201809250", "16.04.201809251"),
        ("16.04.201901010", "16.04.201901011"),  # a clock that is behind
        ("2016.127.20180613", "2016.127.20180925"),
        ("20348.825", "20348.826"),
        ("1855.4.0", "1855.4.1"),
        ("1.009", "1.010"),
        ("1.999999999999999999", ""),
        ("", ""),
    ],
)
def test_a_plausible_next_version_is_proposed(latest: str, expected: str) -> None:
    assert versions.plausible_next(latest, date(2018, 9, 25)) == expected


@given(st.lists(st.integers(0, 10**17), min_size=2, max_size=4), st.dates())
def test_the_proposed_next_version_is_newer(parts: list[int], today: date) -> None:
    latest = ".".join(str(part) for part in parts)
    assert versions.is_older(latest, versions.plausible_next(latest, today))
