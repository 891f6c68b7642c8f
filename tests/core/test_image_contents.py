"""What changes from one image version to another: said exactly where it is known, and not at all where it is not."""

from upgrades.core.image_contents import (
    ImageContents,
    changes_between,
    changes_to_json,
    contents_from_json,
    contents_to_json,
    sentence_of_changes,
)

OLD = ImageContents("debian", "12", "Debian 12.1", "6.1.0-56", {"bash": "5.2", "gone": "1.0", "zlib": "1.2"})
NEW = ImageContents("debian", "12", "Debian 12.2", "6.1.0-57", {"bash": "5.3", "nano": "7.2", "zlib": "1.2"})


def said(before: ImageContents | None, after: ImageContents | None) -> str:
    return sentence_of_changes(changes_between("1.0", before, "1.1", after))


def test_os_kernel_and_packages_are_compared() -> None:
    changes = changes_between("1.0", OLD, "1.1", NEW)
    assert (changes.os, changes.kernel) == (("Debian 12.1", "Debian 12.2"), ("6.1.0-56", "6.1.0-57"))
    assert (changes.added, changes.removed) == ((("nano", "7.2"),), (("gone", "1.0"),))
    assert changes.changed == (("bash", "5.2", "5.3"),)
    assert said(OLD, NEW) == (
        "From 1.0 to 1.1: OS Debian 12.1 → Debian 12.2; kernel 6.1.0-56 → 6.1.0-57; 1 package changes, 1 added, 1 removed."
    )
    assert changes_to_json(changes)["changed"] == (("bash", "5.2", "5.3"),)


def test_equal_contents_are_said_to_be_so() -> None:
    assert said(OLD, OLD) == "From 1.0 to 1.1: no package changes."


def test_contents_that_are_not_known_are_not_guessed() -> None:
    unknown = "What changes from 1.0 to 1.1 is not known."
    assert [said(*pair) for pair in ((None, NEW), (OLD, None), (ImageContents(), NEW))] == [unknown] * 3
    half = ImageContents(kernel="6.1.0-57")
    assert said(OLD, half) == "From 1.0 to 1.1: kernel 6.1.0-56 → 6.1.0-57; packages are not known."
    assert said(half, OLD).endswith("packages are not known.")


def test_contents_survive_the_database() -> None:
    assert contents_from_json(contents_to_json(OLD)) == OLD
    assert contents_from_json([]) == contents_from_json({"packages": 5}) == ImageContents()
