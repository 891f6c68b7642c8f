"""What a file of tests has the product send to the database, and whether another file has it sent too."""

import pytest

from tests.statements import Recorder, of_covered_files_only, recording, shape, shapes
from upgrades.catalog import find_location
from upgrades.models import ScaleSet


@pytest.mark.parametrize(
    ("statement", "another"),
    [
        ("SELECT 1 WHERE a IN (%s)", "SELECT 1 WHERE a IN (%s, %s, %s)"),
        ("INSERT INTO a (b, c) VALUES (%s, %s)", "INSERT INTO a (b, c) VALUES (%s, %s), (%s, %s)"),
        ('SAVEPOINT "s139_x1"', 'SAVEPOINT "s77_x203"'),
        ("SELECT 1 LIMIT 21", "SELECT 1 LIMIT 100"),
        (
            'SET "a" = CASE WHEN ("t"."id" = %s) THEN %s ELSE NULL END',
            'SET "a" = CASE WHEN ("t"."id" = %s) THEN %s WHEN ("t"."id" = %s) THEN %s ELSE NULL END',
        ),
    ],
)
def test_statements_that_differ_in_their_values_only_are_one(statement: str, another: str) -> None:
    assert shape(statement) == shape(another)


def test_of_an_update_each_column_is_looked_for() -> None:
    both = shapes('UPDATE "t" SET "a" = %s, "b" = NULL WHERE "t"."id" = %s')
    assert both == shapes('UPDATE "t" SET "a" = %s WHERE "t"."id" = %s') | shapes(
        'UPDATE "t" SET "b" = NULL WHERE "t"."id" = %s'
    )
    assert both != shapes('UPDATE "t" SET "a" = %s WHERE "t"."id" = %s')
    several = 'UPDATE "t" AS t SET "a" = v.c0 FROM unnest(%s::text[], %s::bigint[]) AS v(c0, k) WHERE t."id" = v.k'
    assert shapes(several) == {
        'UPDATE "t" AS t SET ... FROM unnest(...) AS v WHERE t."id" = v.k',
        'UPDATE "t" AS t SET "a" = v.c',
    }


def test_a_statement_that_a_covered_file_alone_sends_is_found() -> None:
    sent = {"tests/a.py": {"x", "y"}, "tests/b/c.py": {"x", "z"}, "tests/b/d.py": {"z"}, "tests/e.py": {"x"}}
    assert of_covered_files_only(sent, ["tests/b"]) == {"tests/b/c.py": ["z"], "tests/b/d.py": ["z"]}
    assert of_covered_files_only(sent, ["tests/b/d.py"]) == {}


def test_statements_of_the_tests_themselves_do_not_count(db: None) -> None:
    recorder = Recorder()
    with recording(recorder):
        assert not ScaleSet.objects.filter(name="nobody").exists()
        assert recorder.sent == {}
        assert find_location("nowhere") is None
    assert len(recorder.sent[""]) == 1
