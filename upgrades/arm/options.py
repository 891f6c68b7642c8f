"""Query options: each call says which it honours; one that it does not is refused, never passed over.

A filter that is passed over gives all there is, and a script then deletes all there is.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from django.http import QueryDict

from upgrades.arm.errors import ArmError

TAKES = "_takes"
ANY = "*"
FILTER, TOP, SELECT, EXPAND, ORDER_BY, SKIP_TOKEN = "$filter", "$top", "$select", "$expand", "$orderby", "$skiptoken"
# Without their dollar sign they are slips; the last two are of an older API for tags.
SLIPS = frozenset({"filter", "top", "skip", "select", "expand", "orderby", "skiptoken", "count", "tagname", "tagvalue"})
# Of calls that change something: Azure's, which we do not need. Whoever sends another one (dryRun, whatIf) may expect that nothing happens.
OF_CHANGES = frozenset({"api-version", "monitor", "forcedeletion", "forcedeletiontypes", "skipshutdown", "hibernate"})
# Lists of words, in any case. The SDK for JavaScript sends $expand=Properties and its caller's $expand beside it.
OF_WORDS = frozenset({EXPAND, SELECT, ORDER_BY})
MAX_TOP = 100_000
V = TypeVar("V", bound=Callable[..., object])


def takes(*options: str) -> Callable[[V], V]:
    """The options that a view honours: takes("$filter", "$top"). Without it: none."""

    def mark(view: V) -> V:
        setattr(view, TAKES, options)
        return view

    return mark


def check(given: QueryDict, view: Callable[..., object], *, changes: bool = False) -> None:
    """Raises ArmError for an option that the view does not honour, and for one that came with two values.

    `changes`: the view changes something; then any other parameter that we do not know is refused too.
    """
    known: Sequence[str] = getattr(view, TAKES, ())
    values: dict[str, set[str]] = {}
    for name, found in given.lists():
        said = (str(value).lower() if name.lower() in OF_WORDS else str(value) for value in found)
        values.setdefault(name.lower(), set()).update(said)
    for name, found_values in values.items():
        is_strange = changes and name not in OF_CHANGES and not name.startswith("x-ms-")
        is_option = name.startswith("$") or name in SLIPS or is_strange
        if is_option and name not in known and ANY not in known:
            raise _not_honoured(name, known)
        if len(found_values) > 1 and (is_option or name == "api-version"):
            raise ArmError(
                "InvalidParameter", f"{name[:40]} came more than once, with different values", target=name[:40]
            )


def _not_honoured(name: str, known: Sequence[str]) -> ArmError:
    honoured = ", ".join(known) or "none"
    hint = f"; write ${name}" if f"${name}" in known else ""
    message = (
        f"The query option {name[:40]!r} is not honoured by this call, so it is refused{hint}. It honours: {honoured}."
    )
    return ArmError("InvalidParameter", message, target=name[:40])


def top(query: Mapping[str, str]) -> int | None:
    """How many are asked for at most; None: all. Raises ArmError."""
    given = query.get(TOP)
    if given is None:
        return None
    if not (given.isascii() and given.isdecimal() and len(given) < 9):
        raise ArmError("InvalidParameter", f"$top must be an integer from 0 on, got {given[:80]!r}", target=TOP)
    return min(int(given), MAX_TOP)


def words(query: Mapping[str, str], option: str, known: Sequence[str]) -> set[str]:
    """What a list of words such as "$expand=a,b" says, in lower case. Raises ArmError for one that is not known."""
    given = [word.strip().lower() for word in query.get(option, "").split(",") if word.strip()]
    there_are = {known_word.lower() for known_word in known}
    strange = next((word for word in given if word not in there_are), None)
    if strange is not None:
        raise ArmError(
            "InvalidParameter", f"{option} is one of {', '.join(known)}, not {strange[:80]!r}", target=option
        )
    return set(given)
