"""Names that the field's words took the place of stay away (docs/glossary.md)."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Each with what it is called now.
OLD = {
    r"look_at|looked_at": "reconcile_at, reconciled_at",
    r"Chunk": "WorkItem",
    r"[Cc]ordRow|pull_cord|openCord": "fleet stop",
    r"(?:MOST|LONGEST|LARGEST|SHORTEST|FEWEST)_[A-Z]\w*": "MAX_..., MIN_...",
    r"policy_(?:from|to)_row": "policy_from_json, policy_to_json",
}
NAMES = re.compile("|".join(rf"\b(?:{pattern})\b" for pattern in OLD))
FILES = sorted(
    path
    for folder, kind in (("upgrades", "*.py"), ("dashboard", "*.py"), ("bench", "*.py"), ("static/js", "*.js"))
    for path in (ROOT / folder).rglob(kind)
    if "migrations" not in path.parts
)


def test_they_are_looked_for_in_the_code() -> None:
    assert len(FILES) > 400
    assert NAMES.search("row.look_at = MOST_ROWS") and not NAMES.search("row.reconcile_at = MAX_ROWS")


def test_no_old_name_comes_back() -> None:
    found = {f"{path.relative_to(ROOT)}: {name}" for path in FILES for name in NAMES.findall(path.read_text())}
    assert not found, f"the new names are {', '.join(OLD.values())}"
