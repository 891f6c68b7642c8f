"""JSON as the command line sends templates."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrades.arm.template.errors import TemplateError
from upgrades.arm.template.lenient_json import loads

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(JSON, st.sampled_from([None, 2]))
def test_json_is_read_as_json(value: Any, indent: int | None) -> None:
    assert loads(json.dumps(value, indent=indent)) == value


def test_a_template_is_read_as_the_command_line_sends_it() -> None:
    text = """{"properties": {"mode": "Incremental", template: { // of the file
      "a": "[concat('x',
        'y')]", /* a comment " */ "b": [1, 2.5e3, true, null,], "slashes": "http://x/*y*/",
    }}}"""
    assert loads(text) == {
        "properties": {
            "mode": "Incremental",
            "template": {"a": "[concat('x',\n        'y')]", "b": [1, 2500.0, True, None], "slashes": "http://x/*y*/"},
        }
    }


@pytest.mark.parametrize(
    "text, said",
    [
        ('{"a": 1\n "b"', 'line 2, column 2: "," is expected'),
        ('{"a": }', "line 1, column 7: a value is expected"),
        ('{"a', "line 1, column 2: a string in double quotes is expected, with its end"),
        ('["\\x"]', "line 1, column 2: this string has an escape that is none of JSON's"),
        ("[1] 2", "line 1, column 5: nothing more is expected after the end"),
        ("[01]", "line 1, column 2: a value is expected"),
        ("[" * 200, "line 1, column 102: values are nested at most 100 deep"),
        ("", "line 1, column 1: a value is expected"),
        ("[,]", "line 1, column 2: a value is expected"),
    ],
)
def test_the_place_of_a_mistake_is_said(text: str, said: str) -> None:
    with pytest.raises(TemplateError) as caught:
        loads(text)
    assert str(caught.value) == said


@given(st.text(alphabet='{}[]":,/*\\ \na1-', max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        loads(text)
    except TemplateError as error:
        assert error.message
