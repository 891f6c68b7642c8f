"""The order in which a scale set's extensions are provisioned (Z-2.5, provisionAfterExtensions), and which machines have them all."""

from collections.abc import Iterable, Sequence
from graphlib import CycleError, TopologicalSorter

from upgrades.core.documents import EXTENSIONS, ExtensionModel
from upgrades.core.json_fields import BadDocument, show_value
from upgrades.core.machines import ExtensionView
from upgrades.core.states import Provisioning


def key_of_model(extensions: Iterable[ExtensionModel]) -> str:
    """What an instance's key is when it has all of them, and no others.

    >>> key_of_model([ExtensionModel("Script", "p", "t", (), "2.1"), ExtensionModel("agent", "p", "t", (), "")])
    'agent\\nscript 2.1'
    """
    return _key((one.name, one.version) for one in extensions)


def key_of_machine(extensions: Iterable[ExtensionView]) -> str:
    """What was run on a machine; one that failed there is as good as absent."""
    return _key((one.name, one.version) for one in extensions if one.state is not Provisioning.FAILED)


def _key(extensions: Iterable[tuple[str, str]]) -> str:
    """One line each, sorted: for people to read and for databases to compare. Names know no case."""
    return "\n".join(sorted(f"{name.lower()} {version}".rstrip() for name, version in extensions))


def check_order(extensions: Sequence[ExtensionModel]) -> None:
    """Raises BadDocument where one waits for an extension that is not in the model, or in a circle for itself."""
    after = {one.name.lower(): [name.lower() for name in one.after] for one in extensions}
    for index, one in enumerate(extensions):
        unknown = next((name for name in one.after if name.lower() not in after), None)
        if unknown is not None:
            raise _refusal(index, f"names {show_value(unknown)}, which is no extension of this scale set")
    try:
        TopologicalSorter(after).prepare()
    except CycleError as error:
        circle = [str(name) for name in reversed(error.args[1])]
        index = list(after).index(circle[0])
        raise _refusal(index, f"goes round in a circle: {' after '.join(map(show_value, circle))}") from None


def _refusal(index: int, problem: str) -> BadDocument:
    target = f"{EXTENSIONS}[{index}].properties.provisionAfterExtensions"
    return BadDocument(f"{target} {problem}", target=target)
