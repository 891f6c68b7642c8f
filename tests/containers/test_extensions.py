"""Extensions are scripts of a folder, run within the machine."""

from pathlib import Path

from tests.containers.incus import Incus
from tests.providers.contract import create, done, extend
from upgrades.core.states import Provisioning
from upgrades.providers.base import Extension, MachineProfile, Provider, ScaleSetReference

AGENT = Extension("agent", publisher="Acme", type="Agent", version="1.0", settings='{"level": 3}')
APP = Extension("app", after=("agent",))
LAST = Extension("last", after=("app",))


def test_scripts_run_in_their_order_until_a_failure(incus: Incus, scale_set: ScaleSetReference, tmp_path: Path) -> None:
    (tmp_path / "Acme.Agent.sh").write_text("#!/bin/sh\necho agent >> /ran\ncat > /settings\n")
    (tmp_path / "app.sh").write_text("#!/bin/sh\necho app >> /ran\ncat >> /settings\necho 'no licence'; exit 3\n")
    (tmp_path / "last.sh").write_text("#!/bin/sh\necho last >> /ran\n")

    async def story(provider: Provider) -> None:
        profile = MachineProfile(extensions=(LAST, APP, AGENT))
        (view,) = await done(provider, create(scale_set, "0", profile=profile))
        states = {each.name: (each.state, each.message) for each in view.extensions}
        assert states["agent"] == (Provisioning.SUCCEEDED, "")
        assert states["app"] == (Provisioning.FAILED, "its script ended with code 3: no licence")
        assert states["last"] == (Provisioning.FAILED, "it comes after app, which failed")
        assert not view.is_healthy
        assert incus.read(scale_set, "0", "/ran") == "agent\napp\n"
        assert incus.read(scale_set, "0", "/settings") == AGENT.settings
        (tmp_path / "app.sh").write_text("#!/bin/sh\necho app >> /ran\n")
        (view,) = await done(provider, extend(scale_set, "0", profile))
        assert view.is_healthy
        assert incus.read(scale_set, "0", "/ran") == "agent\napp\napp\nlast\n"
        assert [run.what for run in view.runs] == ["agent", "app", "app", "last"]

    incus.play(story, extensions=str(tmp_path), extensions_without_script="fail")


def test_an_extension_without_a_script_says_which_file_was_looked_for(
    incus: Incus, scale_set: ScaleSetReference, tmp_path: Path
) -> None:
    async def story(provider: Provider) -> None:
        (view,) = await done(provider, create(scale_set, "0", profile=MachineProfile(extensions=(AGENT,))))
        (extension,) = view.extensions
        assert extension.state is Provisioning.FAILED
        assert extension.message == f"there is no script {tmp_path}/Acme.Agent.sh nor {tmp_path}/agent.sh on the host"
        assert view.runs == ()

    incus.play(story, extensions=str(tmp_path), extensions_without_script="fail")


def test_an_extension_may_take_longer_than_a_machine_may_to_boot(
    incus: Incus, scale_set: ScaleSetReference, tmp_path: Path
) -> None:
    (tmp_path / "agent.sh").write_text("#!/bin/sh\nsleep 8\n")

    async def story(provider: Provider) -> None:
        (view,) = await done(provider, create(scale_set, "0", profile=MachineProfile(extensions=(AGENT,))))
        assert [each.state for each in view.extensions] == [Provisioning.SUCCEEDED]

    incus.play(story, extensions=str(tmp_path), boot_seconds=5)


def test_a_script_that_destroys_its_report_is_run_three_times(
    incus: Incus, scale_set: ScaleSetReference, tmp_path: Path
) -> None:
    (tmp_path / "agent.sh").write_text("#!/bin/sh\necho again >> /ran\nrm -rf /var/lib/rollgrid\n")

    async def story(provider: Provider) -> None:
        (view,) = await done(provider, create(scale_set, "0", profile=MachineProfile(extensions=(AGENT,))))
        (extension,) = view.extensions
        assert extension.state is Provisioning.FAILED
        assert extension.message == "its script was begun 3 times and left no report"
        assert incus.read(scale_set, "0", "/ran") == "again\n" * 3

    incus.play(story, extensions=str(tmp_path))


def test_a_script_that_hangs_is_ended(incus: Incus, scale_set: ScaleSetReference, tmp_path: Path) -> None:
    (tmp_path / "agent.sh").write_text("#!/bin/sh\necho waiting\nsleep 1000\n")

    async def story(provider: Provider) -> None:
        (view,) = await done(provider, create(scale_set, "0", profile=MachineProfile(extensions=(AGENT,))))
        (extension,) = view.extensions
        assert extension.state is Provisioning.FAILED
        assert "waiting" in extension.message

    incus.play(story, extensions=str(tmp_path), extension_seconds=1)
