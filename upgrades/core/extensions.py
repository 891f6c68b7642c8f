"""The order in which a scale set's extensions are provisioned (Z-2.5, provisionAfterExtensions), and the key of those on a machine.

The key says which extensions a machine has, in one text. A machine whose key is that of the model has them all.
"""

from collections.abc import Iterable, Sequence
from graphlib import CycleError, TopologicalSorter

from upgrades.core.documents import EXTENSIONS, ExtensionModel
from upgrades.core.json_fields import BadDocument, show_value
from upgrades.core.machines import ExtensionView
from upgrades.core.states import Provisioning


def key_of_model(extensions: Iterable[ExtensionModel]) -> str:
    """The key of an instance that has all these extensions and no others.

    >>> key_of_model([ExtensionModel("Script", "p", "t", (), "2.1"), ExtensionModel("agent", "p", "t", (), "")])
    'agent\\nscript 2.1'
    """
    return _key((extension.name, extension.version) for extension in extensions)


def key_of_machine(extensions: Iterable[ExtensionView]) -> str:
    """The key of what was run on a machine. An extension that failed there counts as absent."""
    return _key(
        (extension.name, extension.version) for extension in extensions if extension.state is not Provisioning.FAILED
    )


def _key(extensions: Iterable[tuple[str, str]]) -> str:
    """One line for each extension, sorted, with the name in lower case: people can read it and databases can compare it."""
    return "\n".join(sorted(f"{name.lower()} {version}".rstrip() for name, version in extensions))


def check_order(extensions: Sequence[ExtensionModel]) -> None:
    """Raises BadDocument where an extension waits for one that is not in the model, or, in a circle, for itself."""
    after = {extension.name.lower(): [name.lower() for name in extension.after] for extension in extensions}
    for index, extension in enumerate(extensions):
        unknown = next((name for name in extension.after if name.lower() not in after), None)
        if unknown is not None:
            raise _refusal(index, f"names {show_value(unknown)}, which is not an extension of this scale set")
    try:
        TopologicalSorter(after).prepare()
    except CycleError as error:
        circle = [str(name) for name in reversed(error.args[1])]
        index = list(after).index(circle[0])
        raise _refusal(index, f"is a cycle: {' after '.join(map(show_value, circle))}") from None


def _refusal(index: int, problem: str) -> BadDocument:
    target = f"{EXTENSIONS}[{index}].properties.provisionAfterExtensions"
    return BadDocument(f"{target} {problem}", target=target)
