"""Thousands of requests that nobody means to send: the server never fails over one. `make fuzz` sends 10,000 on each database.

ROLLGRID_FUZZ: how many; ROLLGRID_SEED: repeats them. A failure names its seed and number, and the whole request.
"""

import json
import os
import sys
import traceback
from collections import Counter
from datetime import UTC, datetime
from time import monotonic

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client

from dashboard.limits import Shape, route
from tests.arm.client import Api
from tests.fuzz.asking import Ask, Said, ask
from tests.fuzz.making import Guest, requests
from tests.stories import a_scale_set, publish
from upgrades.commands.load_balancers import put_load_balancer

SAMPLE = int(os.environ.get("ROLLGRID_FUZZ", "400"))
SEED = int(os.environ.get("ROLLGRID_SEED", "11"))
CHUNK = 100  # requests to one fleet, which they wear out
MAX_SECONDS = 10.0  # that one may take, on a machine that does much else besides
CSRF = "a" * 32
LONG_AGO = datetime(2018, 9, 25, 12, tzinfo=UTC)

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(3600)]


def a_guest() -> Guest:
    """Everything that there is, once, and somebody who may do all of it."""
    a_scale_set(instances=3)
    a_scale_set("api", instances=2)
    publish("16.04.1")
    put_load_balancer("fleet/balancer", {"location": "westeurope"}, LONG_AGO)
    client, api = Client(), Api()
    client.force_login(User.objects.create_superuser("root", password="x"))
    cookies = f"csrftoken={CSRF}; sessionid={client.cookies['sessionid'].value}".encode()
    return Guest(cookies, CSRF, f"Bearer {api.token}".encode(), api.subscription, api.tenant)


def answer(request: Ask) -> Said | None:
    """Undone where the database had to refuse something; None where nobody answered, with the traceback printed."""
    try:
        with transaction.atomic():
            said = ask(request)
            transaction.set_rollback(said.status >= 500)
            return said
    except Exception:
        traceback.print_exc()
        return None


def is_wrong(request: Ask, said: Said | None) -> str:
    """What is wrong with an answer; "" where nothing is."""
    if said is None:
        return "nobody answered"
    if said.status >= 500:
        return f"status {said.status}"
    if b"Traceback (most recent call last)" in said.body:
        return "a traceback in the answer"
    is_api = request.target.lower().startswith("/subscriptions") and route(request.target).shape is Shape.ARM
    if is_api and said.status >= 400 and request.method != "HEAD" and not _is_error(said.body):
        return "a refusal of the API in another shape"
    return ""


def _is_error(body: bytes) -> bool:
    try:
        error = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        return False
    return bool(error["code"] and error["message"])


def test_no_request_makes_the_server_fail(settings: LazySettings, capsys: pytest.CaptureFixture[str]) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    wrong: list[str] = []
    statuses: Counter[int] = Counter()
    slowest, slow = 0.0, ""
    for first in range(0, SAMPLE, CHUNK):
        with transaction.atomic():
            asked = requests(SEED + first, min(CHUNK, SAMPLE - first), a_guest())
            for number, request in enumerate(asked):
                began = monotonic()
                said = answer(request)
                if monotonic() - began > slowest:
                    slowest, slow = monotonic() - began, f"{request.method} {request.target[:200]}"
                statuses[said.status if said else 0] += 1
                if what := is_wrong(request, said):
                    wrong.append(f"{what}: seed {SEED + first}, number {number}: {request}"[:3000])
            transaction.set_rollback(True)
    with capsys.disabled():
        if SAMPLE > 1000:
            sys.stdout.write(
                f"\n{SAMPLE} requests, {connection.vendor}: {dict(sorted(statuses.items()))}; slowest {slowest:.2f} s: {slow}\n"
            )
    assert not wrong, f"{len(wrong)} of {SAMPLE}:\n" + "\n".join(wrong[:20])
    assert slowest < MAX_SECONDS, slow
