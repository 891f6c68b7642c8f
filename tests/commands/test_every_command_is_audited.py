"""No command can forget the audit trail: found in the source, whatever is added to upgrades/commands later."""

from tests.commands.command_graph import functions, unmarked_writers, used_from_outside

FOUND = functions()
ADVICE = (
    "{module}.{name} writes, and is neither marked @audited(CODE, Kind....) nor called by marked commands only. Mark it, and call "
    "note(...) in its transaction with what it changed: upgrades/commands/audit.py says how. "
    "Add a story to tests/commands/audit_stories.py. Where it is no act of anybody's, mark it @unaudited(WHY)."
)


def test_every_command_that_writes_is_audited() -> None:
    writers = unmarked_writers(FOUND)
    called = {key for function in FOUND.values() for key in function.calls if key != function.key}
    outside = used_from_outside()
    public = {key for key in writers if not key[1].startswith("_")}
    forgotten = {key for key in public if key in outside or key not in called}
    assert not forgotten, "\n".join(ADVICE.format(module=module, name=name) for module, name in sorted(forgotten))


def test_every_audited_command_calls_note() -> None:
    """By itself, or through what it calls."""
    notes = {key for key, function in FOUND.items() if ("audit", "note") in function.calls}
    while more := {key for key, function in FOUND.items() if function.calls & notes} - notes:
        notes |= more
    silent = sorted(key for key, function in FOUND.items() if "audited" in function.marks and key not in notes)
    assert not silent, f"marked @audited, but note(...) is called nowhere in them: {silent}"


def test_the_search_finds_a_command_without_its_mark() -> None:
    """Were it blind, the tests above would hold for ever."""
    assert FOUND["steering", "pause"].marks == {"audited"}
    assert FOUND["steering", "pause"].writes
    assert ("scale_sets", "set_model") in FOUND["policies", "change_policy"].calls
    assert ("steering", "pause") in used_from_outside()
    without = {key: function for key, function in functions().items()}
    without["steering", "pause"].marks.clear()
    without["access", "revoke_client"].marks.clear()
    assert {("steering", "pause"), ("access", "revoke_client")} <= unmarked_writers(without)
