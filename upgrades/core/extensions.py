"""The order in which a scale set's extensions are provisioned (facts 2.5, provisionAfterExtensions)."""

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter

from upgrades.core.documents import EXTENSIONS, ExtensionModel
from upgrades.core.members import BadDocument, shown


def check_order(extensions: Sequence[ExtensionModel]) -> None:
    """Raises BadDocument where one waits for an extension that is not in the model, or in a circle for itself."""
    after = {one.name.lower(): [name.lower() for name in one.after] for one in extensions}
    for index, one in enumerate(extensions):
        unknown = next((name for name in one.after if name.lower() not in after), None)
        if unknown is not None:
            raise _refusal(index, f"names {shown(unknown)}, which is no extension of this scale set")
    try:
        TopologicalSorter(after).prepare()
    except CycleError as error:
        circle = [str(name) for name in reversed(error.args[1])]
        index = list(after).index(circle[0])
        raise _refusal(index, f"goes round in a circle: {' after '.join(map(shown, circle))}") from None


def _refusal(index: int, problem: str) -> BadDocument:
    target = f"{EXTENSIONS}[{index}].properties.provisionAfterExtensions"
    return BadDocument(f"{target} {problem}", target=target)
