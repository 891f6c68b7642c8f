"""Names that the field's words took the place of stay away (docs/glossary.md)."""

import ast
import builtins
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Each with what it is called now.
OLD = {
    r"look_at|looked_at": "reconcile_at, reconciled_at",
    r"Chunk": "WorkItem",
    r"[Cc]ord|CordRow|pull_cord|openCord|let-go|letGo": "fleet stop, end it",
    r"(?:MOST|LONGEST|LARGEST|SHORTEST|FEWEST)_[A-Z]\w*": "MAX_..., MIN_...",
    r"to_mend|sick_at_the_gate|may_be_ill|is_not_to_go": "unhealthy_first, unhealthy_at_the_gate, max_unhealthy, is_to_be_skipped",
    r"is_protected_from|is_outdated|is_taken_next|hold_the_fleet|complete_without_the_absent|stop_in_time": "is_opted_out_of, "
    "has_older_version, would_be_taken_next, obey_fleet_stop, complete_with_untakeable_left, stop_on_timeout",
    r"make_up|quarantine_those_at_fault|_note_how_it_went|_of_the_same_member": "shift_waits, quarantine_failing, "
    "_note_result, _other_of_pair",
    r"policy_(?:from|to)_row": "policy_from_json, policy_to_json",
    r"Why\.(?:ROOM|CLEARING|GATE|STOPPED|PAUSE)": "Why.QUOTA_UNKNOWN, REMOVING_REPLACED, TOO_MANY_UNHEALTHY, CANCELLED_BEFORE, "
    "PAUSE_BETWEEN_BATCHES",
    r"news_since|waits_from|kept_on_scale_in|is_kept_at_scale_in": "probed_without_gap_since, wait_began_at, protected_from_scale_in, "
    "is_protected_from_scale_in",
    r"touched_anything|could_be_started|gate_is_shut|leased_row": "has_begun, startable_instances, is_gate_shut, lease",
    r"look_soon|begin_to_look|PATIENCE_SECONDS|GATHERED_SECONDS|FOLLOWED_SECONDS": "reconcile_soon, start_reconciling, "
    "ANSWER_TIMEOUT_SECONDS, GATHER_SECONDS",
    r"NotReadyIsNoFault|refuse_nonsense|Seldom|Warned|Trial": "DropNotReady, refuse_unreadable, PacedLogger, DocumentWarning, "
    "VersionResults",
    r"w: Writing|as w|Member|Member(?:State|Shape)|NEXT_MEMBER_STATES|SECRET_MEMBERS": "Writer, InstanceUpgradeFacts, "
    "InstanceUpgradeState, InstanceUpgradeShape, NEXT_INSTANCE_UPGRADE_STATES, SECRET_FIELDS",
    r"[Dd]oors?|open_doors|Visit|on_news|_write_news|_follow_news": "entry point, Listeners, open_listeners, ProbeConnection, "
    "wake_again, _write_changes, _follow_changes",
    r"Raises Failed|_FORTH|_count_what_passed|_why_nobody_would_be_taken|_would_open_without_those_upgraded": "Raises ArmError, "
    "_UPGRADING_BY_KIND, _note_time_passed, _why_none_would_be_taken, _would_open_once_mended",
    r"most_in_flight|most_young|have_a_pulse|_confession|_wishes|_stop_no_clock|speak_the_browsers_language|NOWHERE": "max_in_flight, "
    "max_young, start_sending_heartbeats, _dropped_note, _prepare_options, _drop_time_limit, use_browser_language, UNKNOWN_ADDRESS",
    r"(?:upgrades\.)?(?:seldom|neighbours|durable|kept_secrets)\.\w+": "log_pacing, outages, atomic_files, state_secrets",
    r"has_begun_any|let_go|is_let_go|MakeAgain|NOT_MADE|image_for_new|end_rolled_back|to_remove|platform_gate_is_shut": "has_begun, "
    "skipped, is_to_be_skipped, RecreateMachines, CREATION_FAILED, image_for_new_instances, end_after_rollback, choose_for_removal, "
    "is_platform_gate_shut",
    r"trials?|trials_of|said_by|changes_at|extensions_started|without_vain_action|way_out|since_when|core\.waiting": "target_results, "
    "version_results_of, instance_messages, next_overdue_at, with_extension_upgrade_started, with_useful_action, "
    "replacement_of_withdrawn, ids_and_since, reason_context",
    r"spelled_word|counting_spelling|in_type|kept_short|without_idle_identities|check_not_taken_away|at_the_terminal": "enum_spelling, "
    "effective_spelling, converted, shortened, without_excluded_identities, check_not_removed, terminal_actor",
    r"KnownRows|known_rows|give_back_for_another|settle_and_rest|rest_on|creations_for_the_capacity|boards_of": "CachedRows, row_cache, "
    "give_back_and_make_due, settle_and_wait, wait_to_store, capacity_creations, board_update",
    r"make_client|user_made|would_publish|UNDO_FOR|UNDONE_WITHIN|tell_users|rolls_blindly|is_retried": "create_client, user_added, "
    "preview_publication, OPT_IN_DELAY, OPT_OUT_UNDO_TIME, update_users, lacks_health_source, would_be_retried",
    r"InstanceWhy|may_be_taken(?:_next)?|next_to_be_taken|was_stopped_on_the_way": "ReasonCode, available, available_next, "
    "next_candidates, was_stopped_midway",
    r"_Rehearsal|unheld|say_of|always_applies|obstacle_says": "_VirtualRun, unblocked, say_with, is_platform_only, obstacle_message",
    r"(?:wait|pause|verification)_ends|_why_one_runs|_why_not_any": "wait_ends_at, pause_ends_at, verification_ends_at, "
    "_why_another_runs, _why_none_can_begin",
    r"raise Outdated|has_expired|ITS_TIME|is_to_store|_count_attempt|_not_begun_yet|_ids_of_users|_what_it_may": "StaleFacts, "
    "has_expired_opt_outs, ENDED_BY_TIME_LIMIT, must_be_stored, _begin_next_attempt, _beginnable, _ids_using, _checked_access",
    r"would_undo_withdrawal|check_shape|core\.shapes|is_asked_for|_update_users": "preview_undo_withdrawal, check_is_resource, "
    "resource_check, is_relied_on, _update_scale_sets",
}
NAMES = re.compile("|".join(rf"\b(?:{pattern})\b" for pattern in OLD))
FOLDERS = (
    ("upgrades", "*.py"),
    ("dashboard", "*.py"),
    ("bench", "*.py"),
    ("static/js", "*.js"),
    ("static/css", "*.css"),
    ("static/img", "*.svg"),
    ("templates", "*.html"),
    ("tests/js", "*.mjs"),
    ("tests/browser", "*.py"),
)
FILES = sorted(
    path for folder, kind in FOLDERS for path in (ROOT / folder).rglob(kind) if "migrations" not in path.parts
)
PYTHON = sorted(
    path
    for folder in ("upgrades", "dashboard", "tests", "bench")
    for path in (ROOT / folder).rglob("*.py")
    if "migrations" not in path.parts
)


SHORT_LIVED = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Lambda)


def variables(source: str, without: tuple[type[ast.AST], ...] = ()) -> set[str]:
    """Names of the variables and parameters in a module. Fields of classes are left out: data that travels names those.

    `without`: what is in such nodes is left out, too."""
    tree = ast.parse(source)
    left_out = {id(inner) for node in ast.walk(tree) if isinstance(node, without) for inner in ast.walk(node)}
    nodes = [node for node in ast.walk(tree) if id(node) not in left_out]
    classes = [node.body for node in nodes if isinstance(node, ast.ClassDef)]
    fields = {id(line.target) for body in classes for line in body if isinstance(line, ast.AnnAssign)}
    stored = [node for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    return {node.id for node in stored if id(node) not in fields} | {
        node.arg for node in nodes if isinstance(node, ast.arg)
    }


def cryptic(source: str) -> set[str]:
    """Variables of one letter, or with a name that was replaced: least and most are minimum and maximum, or MAX_."""
    replaced = {"least", "most", "longest", "forth", "spare"}
    return {name for name in variables(source, SHORT_LIVED) if name in replaced or (len(name) == 1 and name.islower())}


def test_old_names_are_searched_for_in_the_code() -> None:
    assert len(FILES) > 400
    assert NAMES.search("row.look_at = MOST_ROWS") and not NAMES.search("row.reconcile_at = MAX_ROWS")


def test_no_old_name_comes_back() -> None:
    found = {f"{path.relative_to(ROOT)}: {name}" for path in FILES for name in NAMES.findall(path.read_text())}
    assert not found, f"the new names are {', '.join(OLD.values())}"


def test_variables_have_names_that_say_their_content() -> None:
    """A variable is named after what it holds: `instance`, `member`, `opt_out`."""
    assert variables("for one in rows: pass") == variables("lambda one: 1") == {"one"}
    assert not variables("class Expected:\n    one: str")
    found = [str(path.relative_to(ROOT)) for path in PYTHON if {"one", "w"} & variables(path.read_text())]
    assert not found


def test_variables_of_the_product_are_whole_words() -> None:
    """Within a comprehension or a lambda a letter is read where it stands; elsewhere it says nothing."""
    assert {"n", "least"} <= cryptic("for n in rows: pass\ndef size(least): pass")
    assert not cryptic("[n for n in rows]; sorted(rows, key=lambda n: n)")
    product = [path for path in PYTHON if path.relative_to(ROOT).parts[0] in ("upgrades", "dashboard")]
    found = {f"{path.relative_to(ROOT)}: {name}" for path in product for name in cryptic(path.read_text())}
    assert not found


def test_every_exception_that_a_docstring_names_exists() -> None:
    trees = {path: ast.parse(path.read_text()) for path in PYTHON if path.relative_to(ROOT).parts[0] != "tests"}
    nodes = [node for tree in trees.values() for node in ast.walk(tree)]
    imports = [name.name for node in nodes if isinstance(node, ast.ImportFrom) for name in node.names]
    known = {*vars(builtins), *imports, *(node.name for node in nodes if isinstance(node, ast.ClassDef))}
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = " ".join(ast.get_docstring(node) or "" for node in nodes if isinstance(node, documented))
    named = set(re.findall(r"\b[Rr]aises ([A-Z]\w+)", docstrings))
    assert len(named) > 20 and named <= known


def test_a_test_is_named_after_its_subject() -> None:
    """The noun comes first, then what is expected of it: a failing line says what broke."""
    pronoun = r"what|who|whom|whose|whoever|those|nobody|nobodys|somebody|anybody|everybody|he|him|his|she"
    no_subject = r"it|its|they|their|one|nor|while|where|when|until|without|with|after|why|whatever|however|there|killed|not|says|within"
    riddle = re.compile(rf"def (test_(?:(?:{no_subject})_\w+|(?:\w+_)?(?:{pronoun})(?:_\w+)?))\(")
    assert all(riddle.search(f"def {name}(") for name in ("test_a_batch_takes_what_failed", "test_it_stops"))
    found = {f"{path.relative_to(ROOT)}: {name}" for path in PYTHON for name in riddle.findall(path.read_text())}
    assert not found
