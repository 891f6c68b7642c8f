"""The pages, and what people do on them: who may, what is answered, and that each act is one command with its event."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from dashboard.rights import RIGHTS
from dashboard.security import POLICY
from tests.stories import NOW, UBUNTU, a_batch, a_scale_set, nothing_changes, publish, snapshot_equals_events
from upgrades.commands.opt_outs import opt_in, opt_out
from upgrades.commands.upgrades import start
from upgrades.core.states import Health, MemberState
from upgrades.feed.writing import writing
from upgrades.models import ImageSku, ImageVersion, OptOut, RollingUpgrade, ScaleSet

HERE = "/scale-sets/fleet/web/"
PAGES = ["/", "/images/", "/images/skus/", HERE, f"{HERE}instances/0/history/"]
INLINE = re.compile(r"<style|\sstyle=|\son[a-z]+=\"|javascript:|<script(?![^>]*\ssrc=)[^>]*>(?!\s*</script>)")
SKU = ":".join(UBUNTU)

# Each act: where it is posted to, what with, and the right that it takes.
ACTS: dict[str, tuple[str, dict[str, str], str]] = {
    "opt out": (f"{HERE}opt-out/", {"ids": "1,2", "reason": "it runs the payroll", "scope": "upgrade"}, "opt_out"),
    "opt in": (f"{HERE}opt-in/", {"ids": "0"}, "opt_in"),
    "start": (f"{HERE}start/", {}, "steer"),
    "cancel": (f"{HERE}cancel/", {}, "steer"),
    "automatic": (f"{HERE}automatic/", {"on": "false"}, "steer"),
    "publish": ("/images/publish/", {"sku": SKU, "version": "16.04.9"}, "publish"),
}

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(client: Client) -> Client:
    """She may do everything."""
    client.force_login(User.objects.create_user("ada", is_superuser=True))
    return client


def with_rights(*names: str) -> Client:
    """Somebody who may do these things only."""
    user = User.objects.create_user(f"bob {' '.join(names)}")
    codenames = [RIGHTS[name].permission.partition(".")[2] for name in names]
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


def act(client: Client, name: str, **changes: str) -> Any:
    path, values, _ = ACTS[name]
    return client.post(path, {**values, **changes})


def done(client: Client, name: str, **changes: str) -> dict[str, Any]:
    """What a post that does something answers. Its event tells all that it did."""
    with snapshot_equals_events():
        answer = act(client, name, **changes)
    assert answer.status_code == 200, answer.content
    said: dict[str, Any] = answer.json()
    return said


def problem(answer: Any, status: int = 409) -> str:
    assert answer.status_code == status, answer.content
    return str(answer.json()["error"]["message"])


def the_time() -> datetime:
    """The pages read the real clock."""
    return datetime.now(UTC)  # noqa: TID251


def text(answer: Any) -> str:
    assert answer.status_code == 200
    return str(answer.content.decode())


# --- the pages --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_for_those_signed_in(client: Client, path: str) -> None:
    a_scale_set(instances=1)
    answer = client.get(path)
    assert (answer.status_code, answer["Location"]) == (302, f"/login/?next={path}")


@pytest.mark.parametrize("path", PAGES)
def test_pages_open_and_keep_to_the_policy(ada: Client, path: str) -> None:
    a_scale_set(instances=2)
    answer = ada.get(path)
    assert not INLINE.search(text(answer)), INLINE.search(text(answer))
    assert answer["Content-Security-Policy"] == POLICY
    assert ada.post(path).status_code == 405


@pytest.mark.parametrize("path", [HERE, f"{HERE}instances/0/history/"])
def test_an_unknown_scale_set_is_not_found(ada: Client, path: str) -> None:
    assert ada.get(path).status_code == 404
    a_scale_set(instances=1)
    assert ada.get(path.replace("fleet/web", "Fleet/WEB")).status_code == 200


def a_fleet(names: str) -> None:
    """Scale sets with an upgrade, someone unhealthy and someone opted out."""
    for name in names:
        row = a_scale_set(name, instances=4)
        sicken(row, 3)
        opt_out(str(row), ["2"], reason="why", owner="me", now=NOW)
    publish(f"1.0.{len(ImageVersion.objects.all())}")
    for name in names:
        a_batch(start(f"fleet/{name}", "me", NOW), {0: MemberState.FAILED, 1: MemberState.UPGRADING})


def sicken(row: ScaleSet, number: int, now: datetime = NOW, health: Health = Health.UNHEALTHY) -> None:
    with writing(now, row.pk) as w:
        one = w.scale_set.instances.get(number=number)
        one.health = health
        one.save(update_fields=["health"])
        w.changed(one)


@pytest.mark.parametrize(("path", "most"), [("/", 6), ("/images/", 12), ("/images/skus/", 9)])
def test_queries_do_not_grow_with_the_fleet(ada: Client, path: str, most: int) -> None:
    a_fleet("ab")
    few = queries(ada, path)
    a_fleet("cdefg")
    assert queries(ada, path) == few <= most


def queries(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as caught:
        text(client.get(path))
    return len(caught)


# --- fleet ------------------------------------------------------------------------------------------------------------


def test_the_fleet_names_its_scale_sets_before_any_script_runs(ada: Client) -> None:
    a_scale_set("web", instances=1)
    a_scale_set("api", instances=1, automatic=False)
    page = text(ada.get("/"))
    assert 'data-sets="fleet/api,fleet/web"' in page
    assert page.index('href="/scale-sets/fleet/api/"') < page.index(f'href="{HERE}"')
    assert re.findall(r'aria-label="Automatic upgrades of (\w+)" aria-checked="(\w+)"', page) == [
        ("api", "false"),
        ("web", "true"),
    ]


def test_an_empty_fleet_says_how_to_begin(ada: Client) -> None:
    assert "manage.py demo" in text(ada.get("/"))
    assert re.search(r'id="none">', text(ada.get("/")))
    a_scale_set(instances=1)
    assert re.search(r'id="none" hidden>', text(ada.get("/")))


@pytest.mark.parametrize("only", ["latest", "moving", "bad", "out", "needs"])
def test_headline_numbers_are_links_that_filter(ada: Client, only: str) -> None:
    a_scale_set(instances=1)
    page = text(ada.get(f"/?only={only}"))
    assert f'href="/?only={only}" data-act="only" data-key="{only}" aria-current="true"' in page
    assert page.count('aria-current="true"') == 1


def test_since_when_somebody_is_unhealthy(ada: Client) -> None:
    now = the_time()
    row = a_scale_set(instances=3, now=now - timedelta(days=1))
    assert sick_since(ada) is None
    for minutes, number, health in [(50, 0, Health.UNKNOWN), (40, 0, Health.HEALTHY), (30, 1, Health.UNHEALTHY)]:
        sicken(row, number, now - timedelta(minutes=minutes), health)
    sicken(row, 2, now - timedelta(minutes=20), Health.UNKNOWN)
    assert sick_since(ada) == now - timedelta(minutes=30)


def sick_since(client: Client) -> datetime | None:
    found = re.search(r'data-sick-since="([^"]+)"', text(client.get("/")))
    return datetime.fromisoformat(found[1]) if found else None


def test_the_longest_unhealthy_are_so_for_a_week_or_more(ada: Client) -> None:
    a_scale_set(instances=1, healthy=False, now=the_time() - timedelta(days=30))
    since = sick_since(ada)
    assert since and timedelta(days=7) <= the_time() - since < timedelta(days=7, minutes=1)


@pytest.mark.parametrize(("path", "right"), [("/", "steer"), ("/images/", "publish"), (HERE, "steer")])
def test_without_the_right_a_control_says_why(path: str, right: str) -> None:
    a_scale_set(instances=1)
    page = text(with_rights().get(path))
    assert 'aria-disabled="true"' in page and RIGHTS[right].why_not in page
    assert 'aria-disabled="true"' not in text(with_rights(*RIGHTS).get(path))


def test_each_control_that_is_off_says_its_own_reason() -> None:
    a_scale_set(instances=1)
    page = text(with_rights("opt_out").get(HERE))
    for name, right in RIGHTS.items():
        assert f'data-why-{name}="{right.why_not}"' in page


# --- images -----------------------------------------------------------------------------------------------------------


def test_images_with_the_newest_version_first_and_who_runs_it(ada: Client) -> None:
    publish("16.04.9")
    publish("16.04.10", locations=["eastus"])
    a_scale_set("web", instances=3, version="16.04.9")
    page = text(ada.get("/images/skus/"))
    section = page[page.index(f'data-sku="{SKU.lower()}"') :].partition("</section>")[0]
    assert re.findall(r'data-version="([^"]+)"', section) == ["16.04.10", "16.04.9", "0.0.1"]
    assert re.findall(r'data-count="(\d+)"', section) == ["0", "3", "0"]
    assert "only eastus" in section and section.count("everywhere") == 2
    assert 'data-latest="16.04.10" data-next="16.04.11"' in section
    assert f'<a href="{HERE}" title="fleet/web">web</a>' in section


def test_an_image_without_versions_and_a_catalogue_without_images(ada: Client) -> None:
    ImageVersion.objects.all().delete()
    assert text(ada.get("/images/")).count("No version is published yet") == ImageSku.objects.count()
    ImageSku.objects.all().delete()
    assert "An administrator can add a SKU." in text(ada.get("/images/"))


# --- who may ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ACTS)
def test_signed_out(client: Client, name: str) -> None:
    a_scale_set()
    with nothing_changes():
        answer = act(client, name)
    assert problem(answer, 401) == "You are signed out. Sign in again; nothing was changed."


@pytest.mark.parametrize("name", ACTS)
def test_without_the_right(name: str) -> None:
    a_scale_set()
    right = ACTS[name][2]
    others = with_rights(*(set(RIGHTS) - {right}))
    with nothing_changes():
        assert problem(act(others, name), 403) == RIGHTS[right].why_not


@pytest.mark.parametrize("name", ACTS)
def test_not_without_the_proof_that_the_form_is_ours(name: str) -> None:
    a_scale_set()
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.create_user("ada", is_superuser=True))
    with nothing_changes():
        answer = act(strict, name)
    assert answer.status_code == 403 and "Not accepted" in answer.content.decode()


@pytest.mark.parametrize("name", ACTS)
def test_only_by_post(ada: Client, name: str) -> None:
    a_scale_set()
    assert ada.get(ACTS[name][0]).status_code == 405


@pytest.mark.parametrize("name", sorted(set(ACTS) - {"publish"}))
def test_on_a_scale_set_that_is_not_there(ada: Client, name: str) -> None:
    with nothing_changes():
        assert "fleet/web" in problem(act(ada, name))


# --- what is done -----------------------------------------------------------------------------------------------------


def test_opting_out_and_undoing_it(ada: Client) -> None:
    a_scale_set()
    said = done(ada, "opt out")
    assert said["said"] == "2 instances opted out."
    assert set(OptOut.objects.values_list("owner", "reason", "scope")) == {("ada", "it runs the payroll", "upgrade")}
    undo = said["undo"]
    with snapshot_equals_events():
        assert ada.post(undo["url"], undo["values"]).json()["said"] == "2 instances opted in again."
    assert not OptOut.objects.filter(ended_at=None).exists()


def test_opting_out_until_a_day(ada: Client) -> None:
    a_scale_set()
    until = the_time() + timedelta(days=3)
    said = done(ada, "opt out", ids="4", scope="until", until=until.isoformat())
    assert said["said"] == "web_4 opted out."
    assert OptOut.objects.get().until == until


def test_who_may_opt_out_but_not_in_is_offered_no_undo() -> None:
    a_scale_set()
    assert "undo" not in done(with_rights("opt_out"), "opt out")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"ids": ""}, "Choose at least one instance."),
        ({"ids": "99"}, "no instance 99"),
        ({"reason": "  "}, "Say why: the next person wants to know."),
        ({"reason": "x" * 501}, "A reason has at most 500 characters."),
        ({"scope": "for ever"}, "for ever"),
        ({"scope": "until", "until": "soon"}, "That is no date."),
        ({"scope": "until", "until": "2001-01-01T00:00:00Z"}, "an opt-out ends in the future"),
    ],
)
def test_opt_outs_that_are_refused(ada: Client, changes: dict[str, str], expected: str) -> None:
    a_scale_set()
    with nothing_changes():
        assert expected in problem(act(ada, "opt out", **changes))


def test_opting_in(ada: Client) -> None:
    a_scale_set()
    opt_out("fleet/web", ["0"], reason="why", owner="me", now=NOW)
    assert done(ada, "opt in")["said"] == "web_0 opted in again."
    assert OptOut.objects.get().ended_by == "ada"
    assert opt_in("fleet/web", ["0"], owner="me", now=NOW)


def test_starting_and_cancelling(ada: Client) -> None:
    a_scale_set()
    publish("16.04.9")
    assert done(ada, "start")["said"] == "Upgrade of web to 16.04.9 started."
    upgrade = RollingUpgrade.objects.get()
    assert (upgrade.started_by, upgrade.started_by_name) == ("User", "ada")
    assert "another ongoing rolling upgrade" in problem(act(ada, "start"))
    assert done(ada, "cancel")["said"] == "The upgrade of web stops at the end of its batch."
    assert RollingUpgrade.objects.get().cancel_requested_by == "ada"


def test_nothing_to_cancel(ada: Client) -> None:
    a_scale_set()
    assert problem(act(ada, "cancel")) == "There is no ongoing Rolling Upgrade to cancel."


def test_automatic_upgrades_off_and_on_again(ada: Client) -> None:
    a_scale_set()
    said = done(ada, "automatic")
    assert said["said"] == "Automatic upgrades of web are off."
    assert not ScaleSet.objects.get().automatic_upgrade
    with snapshot_equals_events():
        assert ada.post(said["undo"]["url"], said["undo"]["values"]).json()["said"].endswith("are on.")
    assert ScaleSet.objects.get().automatic_upgrade


@pytest.mark.parametrize("on", ["", "perhaps"])
def test_neither_on_nor_off(ada: Client, on: str) -> None:
    a_scale_set()
    with nothing_changes():
        assert problem(act(ada, "automatic", on=on))


@pytest.mark.parametrize(
    ("followers", "expected"),
    [("", "No scale set follows"), ("a", "One scale set follows"), ("ab", "2 scale sets follow")],
)
def test_publishing(ada: Client, followers: str, expected: str) -> None:
    for name in followers:
        a_scale_set(name, instances=1)
    assert done(ada, "publish", version=" 16.04.9 ")["said"] == f"16.04.9 is published. {expected} it."
    assert ImageVersion.objects.get(version="16.04.9").limited_to.count() == 0


def test_publishing_in_some_locations(ada: Client) -> None:
    done(ada, "publish", locations="West Europe, eastus ,")
    published = ImageVersion.objects.get(version="16.04.9")
    assert set(published.limited_to.values_list("name", flat=True)) == {"westeurope", "eastus"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"sku": ""}, "Choose an image."),
        ({"sku": "a:b:c"}, "a:b:c is not a supported image"),
        ({"sku": "nonsense"}, "nonsense:: is not a supported image"),
        ({"version": ""}, "Give the version, for example"),
        ({"version": "newest"}, "an image version is two to four numbers"),
        ({"version": "0.0.1"}, "0.0.1 is not newer"),
        ({"version": "1." * 60}, "at most 80"),
        ({"locations": "atlantis"}, "there is no location 'atlantis'"),
    ],
)
def test_versions_that_are_refused(ada: Client, changes: dict[str, str], expected: str) -> None:
    a_scale_set()
    with nothing_changes():
        assert expected in problem(act(ada, "publish", **changes))


def test_what_happened_to_an_instance(ada: Client) -> None:
    row = a_scale_set(instances=2)
    assert "Nothing happened to it yet." in text(ada.get(f"{HERE}instances/7/history/"))
    assert ada.get(f"{HERE}instances/{10**20}/history/").status_code == 404
    opt_out(str(row), ["1"], reason="<b>payroll</b>", owner="me", now=NOW)
    page = text(ada.get(f"{HERE}instances/1/history/"))
    assert "Opted out by me: &lt;b&gt;payroll&lt;/b&gt;" in page and page.count("<li>") == 2
