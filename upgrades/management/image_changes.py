"""What is in images and what changes between them, as lines of text."""

from collections.abc import Iterable

from upgrades.core.image_contents import ImageChanges, ImageContents, package_changes, sentence_of_changes
from upgrades.management.text import align


def summary(contents: ImageContents, size: int) -> str:
    """What is in an image, in a line.

    >>> summary(ImageContents(os_name="Debian 12", packages={"bash": "5.2"}), 3 * 1024**2)
    'Debian 12, kernel unknown, 1 package, 3.0 MiB'
    """
    count = None if contents.packages is None else len(contents.packages)
    packages = "packages unknown" if count is None else f"{count} package{'' if count == 1 else 's'}"
    name, kernel = contents.os_name or "OS unknown", contents.kernel or "unknown"
    return f"{name}, kernel {kernel}, {packages}, {size / 1024**2:.1f} MiB"


def in_full(changes: ImageChanges) -> Iterable[str]:
    """The sentence, and below it each package."""
    yield sentence_of_changes(changes)
    table = [
        (f"  {name}", before or "added", "→", after or "removed") for name, before, after in package_changes(changes)
    ]
    yield from align(table) if table else ()
