"""The throttle that all entry points share: counts by account and by address, in the database."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from django.db import connection

from tests.stories import NOW
from upgrades import sign_ins
from upgrades.core.throttle import FORGET_AFTER, KNOWN_FOR, LIMITS, CountedBy, network
from upgrades.models import SignInTries
from upgrades.sign_ins import TooManyTries

HERE, ELSEWHERE = "192.0.2.1", "198.51.100.7"
PAIR, ADDRESS, ACCOUNT = (LIMITS[by] for by in (CountedBy.PAIR, CountedBy.ADDRESS, CountedBy.ACCOUNT))
SECOND = timedelta(seconds=1)

pytestmark = pytest.mark.django_db


def guess(account: str = "ada", address: str = HERE, now: datetime = NOW) -> int:
    """How many tries were left after it."""
    attempt = sign_ins.begin(account, address, now)
    sign_ins.failed(attempt, repr(account), now)
    return attempt.left


def sign_in(account: str = "ada", address: str = HERE, now: datetime = NOW) -> None:
    sign_ins.succeeded(sign_ins.begin(account, address, now), now)


def waits(account: str = "ada", address: str = HERE, now: datetime = NOW) -> int:
    """How long it has to wait, in seconds; 0 where it may try. It is not a try itself."""
    before = list(SignInTries.objects.order_by("key").values())
    try:
        attempt = sign_ins.begin(account, address, now)
    except TooManyTries as too_many:
        assert list(SignInTries.objects.order_by("key").values()) == before, "whoever waits is not counted"
        return too_many.seconds
    SignInTries.objects.filter(key__in=attempt.keys.values()).delete()
    SignInTries.objects.bulk_create([SignInTries(**row) for row in before], ignore_conflicts=True)
    return 0


def test_waits_grow_with_each_failure_up_to_the_longest() -> None:
    assert [guess() for _ in range(PAIR.free_failures)] == [4, 3, 2, 1, 0]
    now, found = NOW, []
    for _ in range(8):
        found.append(waits(now=now))
        now += timedelta(seconds=found[-1])
        guess(now=now)
    assert found == [30, 60, 120, 240, 480, 900, 900, 900]


def test_a_wait_ends_by_itself_and_failures_are_forgotten() -> None:
    for _ in range(PAIR.free_failures):
        guess()
    assert waits(now=NOW + 29 * SECOND) == 1
    assert waits(now=NOW + 30 * SECOND) == 0
    assert guess(now=NOW + FORGET_AFTER) == 4


def test_names_are_the_same_in_any_case() -> None:
    for name in ("ada", "ADA", "Ada", "aDa", "adA"):
        guess(name)
    assert waits("ada") == 30


def test_guessing_across_names_has_to_wait() -> None:
    for number in range(ADDRESS.free_failures):
        assert waits("new") == 0
        guess(f"name{number}")
    assert waits("new") == 30
    assert waits("new", ELSEWHERE) == 0


def test_a_guessers_own_account_does_not_shorten_the_wait() -> None:
    """A success forgets nothing of what else came from the address."""
    for number in range(ADDRESS.free_failures):
        guess(f"name{number}")
        if number < ADDRESS.free_failures - 1:
            sign_in("his own")
    assert waits("new") == 30


@pytest.mark.parametrize(
    "addresses",
    [
        [f"2001:db8:1:2::{number:x}" for number in range(ADDRESS.free_failures)],
        [f"2001:db8:1:2:{number:x}::1%eth0" for number in range(ADDRESS.free_failures)],
        ["::ffff:192.0.2.1", "192.0.2.1"] * (ADDRESS.free_failures // 2),
    ],
)
def test_all_addresses_of_one_network_count_as_one(addresses: list[str]) -> None:
    for number, address in enumerate(addresses):
        guess(f"name{number}", address)
    assert waits("new", addresses[0]) == 30
    assert waits("new", "2001:db8:1:3::1") == 0


def test_an_account_that_many_addresses_guess_at_has_to_wait_but_not_long() -> None:
    for number in range(ACCOUNT.free_failures):
        guess("ada", f"203.0.113.{number}")
    assert waits("ada", ELSEWHERE) == 15
    assert waits("bob", ELSEWHERE) == 0
    for number in range(50):
        now = NOW + timedelta(minutes=number + 1)
        guess("ada", f"203.0.113.{100 + number}", now)
        assert waits("ada", ELSEWHERE, now) <= 60


def test_an_owner_is_not_locked_out_at_a_known_address() -> None:
    sign_in("ada", HERE)
    for number in range(ACCOUNT.free_failures):
        guess("ada", f"203.0.113.{number}")
    assert waits("ada", HERE) == 0
    assert waits("ada", ELSEWHERE) == 15
    assert network(HERE) == HERE


def test_a_known_address_is_forgotten_after_a_long_time() -> None:
    sign_in("ada", HERE, NOW - KNOWN_FOR)
    for number in range(ACCOUNT.free_failures):
        guess("ada", f"203.0.113.{number}")
    assert waits("ada", HERE) == 15


def test_failures_that_no_longer_count_are_deleted() -> None:
    sign_in("ada", HERE)
    guess("bob", ELSEWHERE)
    assert sign_ins.purge(NOW + FORGET_AFTER - SECOND) == 0
    assert sign_ins.purge(NOW + FORGET_AFTER + SECOND) == 5
    assert sign_ins.purge(NOW + KNOWN_FOR + SECOND) == 1
    assert SignInTries.objects.count() == 0


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_many_guesses_at_once_do_not_slip_through() -> None:
    def try_once(number: int) -> bool:
        try:
            sign_ins.begin("ada", HERE, NOW)
            return True
        except TooManyTries:
            return False
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(try_once, range(24))) == PAIR.free_failures


def test_a_clock_that_is_set_back_lengthens_no_wait() -> None:
    """Nobody is locked out for as long as the clock was set back: the wait begins anew, and ends."""
    for _ in range(PAIR.free_failures):
        guess()
    before = NOW - timedelta(hours=2)
    with pytest.raises(TooManyTries):
        guess(now=before)
    assert waits(now=before + 30 * SECOND) == 0
