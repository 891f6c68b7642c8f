"""Incus takes longer than one question waits, or its answer is lost: what it does is waited for, and nothing is begun a second time."""

from collections.abc import Callable

import pytest

from tests.containers.incus import Incus
from tests.containers.wire import Request, Wire, holding, wire
from tests.providers.contract import FURNISHED, NEW, OLD, create, done, outcomes, reimage
from tests.waiting import until
from upgrades.providers.base import Operation, Progress, Provider, ScaleSetReference
from upgrades.providers.incus.demo.daemon import DIR
from upgrades.providers.incus.demo.tiny_image import Kind
from upgrades.providers.incus.records import name_of
from upgrades.providers.incus.swaps import NOT_PROVISIONED
from upgrades.providers.incus.turns import Turns

LARGE = "16.04.6"  # its root file system is so big that unpacking it can be caught
CREATED, REBUILT, STOPPED = ("POST", "/1.0/instances"), ("POST", "/rebuild"), ("PUT", "/state")
LOOKED = ("POST", "/exec")


@pytest.fixture(scope="module")
def large(incus: Incus) -> str:
    if incus.driver != DIR:
        pytest.skip("on this pool an image is unpacked once, and then copied")
    incus.publish(LARGE, Kind.GOOD, ballast=bytes(200_000_000))
    return LARGE


def is_request(request: Request, wanted: tuple[str, str]) -> bool:
    return request[0] == wanted[0] and request[1].endswith(wanted[1])


def init_of(incus: Incus, scale_set: ScaleSetReference) -> int:
    return int(incus.ask("GET", f"/1.0/instances/{name_of(scale_set, '0')}/state")["pid"])


def stops(between: Wire) -> list[object]:
    return [body["force"] for body in between.asked(*STOPPED) if body["action"] == "stop"]


async def go_on(provider: Provider, operation: Operation, condition: Callable[[], object]) -> None:
    async def is_so() -> object:
        await provider.poll([operation.id], wait_seconds=0.2)
        return condition()

    await until(is_so, seconds=30)


@pytest.mark.parametrize(
    "what", [pytest.param(CREATED, marks=pytest.mark.slow, id="created"), pytest.param(REBUILT, id="rebuilt")]
)
def test_an_image_that_takes_long_to_unpack_is_unpacked_once(
    incus: Incus, scale_set: ScaleSetReference, large: str, what: tuple[str, str]
) -> None:
    """Incus 6.0 answers a wait that is over with an error, as if the operation had failed."""
    with holding() as hold:

        def after(request: Request) -> bool:
            if is_request(request, what) and not hold.process:
                hold.unpacking(scale_set, "0")
            return False

        with wire(incus, after) as between:

            async def story(provider: Provider) -> None:
                if what == REBUILT:
                    await done(provider, create(scale_set, "0", OLD, FURNISHED))
                make = create if what == CREATED else reimage
                operation = make(scale_set, "0", large, FURNISHED)
                assert await provider.begin([operation]) == {}
                await go_on(provider, operation, lambda: hold.process)
                waited = len(between.asked("GET", "/wait"))
                await go_on(provider, operation, lambda: len(between.asked("GET", "/wait")) >= waited + 2)
                hold.let_go()
                (view,) = await done(provider, operation)
                assert view.version == large

            incus.play(story, socket=str(between.path))
        assert len(between.asked(*what)) == 1


def test_a_rebuild_with_a_lost_answer_is_not_begun_again_over_itself(
    incus: Incus, scale_set: ScaleSetReference, large: str
) -> None:
    with holding() as hold:

        def after(request: Request) -> bool:
            if not is_request(request, REBUILT) or hold.process:
                return False
            hold.unpacking(scale_set, "0")
            return True

        with wire(incus, after) as between:

            async def story(provider: Provider) -> None:
                await done(provider, create(scale_set, "0", OLD, FURNISHED))
                swap = reimage(scale_set, "0", large, FURNISHED)
                assert await provider.begin([swap]) == {}
                await go_on(provider, swap, lambda: hold.process)
                looked = len(between.asked("GET", "/operations"))
                await go_on(provider, swap, lambda: len(between.asked("GET", "/operations")) >= looked + 2)
                assert len(between.asked(*REBUILT)) == 1
                hold.let_go()
                (view,) = await done(provider, swap)
                assert view.version == large

            incus.play(story, socket=str(between.path))
        assert len(between.asked(*REBUILT)) == 2


@pytest.mark.slow
def test_a_guest_with_a_hanging_shell_goes_back_to_its_old_os_disk(incus: Incus, scale_set: ScaleSetReference) -> None:
    with holding() as hold:

        def after(request: Request) -> bool:
            if is_request(request, LOOKED) and between.asked(*REBUILT) and not hold.process:
                hold.shell(init_of(incus, scale_set))
            return False

        with wire(incus, after) as between:

            async def story(provider: Provider) -> None:
                (before,) = await done(provider, create(scale_set, "0", OLD))
                swap = reimage(scale_set, "0", NEW)
                assert await provider.begin([swap]) == {}
                (outcome,) = (await outcomes(provider, [swap])).values()
                assert (outcome.progress, outcome.code) == (Progress.FAILED, NOT_PROVISIONED)
                after = (await provider.views(scale_set))["0"]
                assert (after.version, after.os_disk) == (OLD, before.os_disk)

            incus.play(story, socket=str(between.path), boot_seconds=5)
        assert hold.process


def test_a_shutdown_that_takes_seconds_is_not_cut_off(incus: Incus, scale_set: ScaleSetReference) -> None:
    with holding() as hold, wire(incus) as between:

        async def story(provider: Provider) -> None:
            await done(provider, create(scale_set, "0", OLD))
            hold.stop(init_of(incus, scale_set))
            swap = reimage(scale_set, "0", NEW)
            assert await provider.begin([swap]) == {}
            await go_on(provider, swap, lambda: stops(between))
            waited = len(between.asked("GET", "/wait"))
            await go_on(provider, swap, lambda: len(between.asked("GET", "/wait")) >= waited + 2)
            hold.let_go()
            await done(provider, swap)

        incus.play(story, socket=str(between.path), stop_seconds=20)
        assert stops(between) == [False]


@pytest.mark.slow
def test_a_machine_that_waits_for_its_turn_is_shut_down_nevertheless(
    incus: Incus, scale_set: ScaleSetReference
) -> None:
    with wire(incus) as between:

        async def story(provider: Provider) -> None:
            await done(provider, create(scale_set, "0", OLD))
            others = Turns(f"{between.path} default", 1)
            assert await others.take("another instance")
            swap = reimage(scale_set, "0", NEW)
            assert await provider.begin([swap]) == {}

            async def waits() -> bool:
                return "has enough to do" in (await provider.poll([swap.id], wait_seconds=0.2))[swap.id].message

            await until(waits)
            others.give_all_back()
            await done(provider, swap)

        incus.play(story, socket=str(between.path), at_once=1)
        assert stops(between) == [False]
