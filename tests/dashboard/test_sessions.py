"""Who listens to the feed and signs out meanwhile: told apart from those who stay, with as many queries for a thousand as for one."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from dashboard.sessions import CHUNK, SessionIdentity, ended_sessions
from tests.dashboard.people import the_time

pytestmark = pytest.mark.django_db


def a_seat(name: str) -> tuple[Client, User, SessionIdentity]:
    user = User.objects.create_user(name, password="correct horse")
    client = Client()
    client.force_login(user)
    return client, user, SessionIdentity(str(client.session.session_key), user.pk, user.password)


def signs_out(client: Client, user: User) -> None:
    client.post("/logout/")


def changes_the_password(client: Client, user: User) -> None:
    user.set_password("battery staple")
    user.save()


def is_deactivated(client: Client, user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def is_deleted(client: Client, user: User) -> None:
    user.delete()


@pytest.mark.parametrize("happens", [signs_out, changes_the_password, is_deactivated, is_deleted])
def test_ended_sessions_are_found(happens: Any) -> None:
    client, user, ada = a_seat("ada")
    _, _, bob = a_seat("bob")
    assert ended_sessions({ada, bob}, the_time()) == set()
    happens(client, user)
    assert ended_sessions({ada, bob}, the_time()) == {ada}


def test_a_session_that_ran_out() -> None:
    _, _, ada = a_seat("ada")
    assert ended_sessions({ada}, the_time() + timedelta(days=60)) == {ada}


def test_two_queries_for_all_of_them(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    _, user, ada = a_seat("ada")
    others = {SessionIdentity(f"made up {n}", user.pk, user.password) for n in range(CHUNK - 1)}
    with django_assert_num_queries(2):
        assert ended_sessions({ada, *others}, the_time()) == others
    with django_assert_num_queries(0):
        assert ended_sessions(set(), the_time()) == set()
