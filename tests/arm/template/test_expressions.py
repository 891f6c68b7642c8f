"""Expressions: their grammar, and what is said of those that cannot be read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.arm.template.deployments import value
from upgrades.arm.template.errors import TemplateError
from upgrades.arm.template.expressions import MAX_LENGTH, Call, Element, Literal, is_expression, parse, plain


def test_an_expression_is_read_into_nodes() -> None:
    called = Call("parameters", (Literal("it's"),))
    assert parse("[ concat(parameters('it''s').Name[0], -12) ]") == Call(
        "concat", (Element(Element(called, Literal("Name")), Literal(0)), Literal(-12))
    )
    assert parse("[contoso.unique('a')]") == Call("contoso.unique", (Literal("a"),))


def test_a_doubled_bracket_begins_a_plain_text() -> None:
    assert not is_expression("[[x]") and plain("[[x]") == "[x]"
    assert not is_expression("[x") and value("[concat('a'") == "[concat('a'"
    assert value("plain") == "plain" and value("[[concat('a')]") == "[concat('a')]"


@pytest.mark.parametrize(
    "text, said",
    [
        ("[concat('a]", "column 9: this text has no end"),
        ("[concat('a',)]", "column 13: a function, a text in single quotes, or an integer is expected, not ')'"),
        ("[concat('a' 'b')]", "column 13: \")\" is expected, not 'b'"),
        ("[concat('a')) ]", "column 13: the end of the expression is expected, not ')'"),
        ("[parameters]", 'column 12: "(" is expected, not the end'),
        ("[]", "column 2: a function, a text in single quotes, or an integer is expected, not the end"),
        ("[a('x').]", "column 9: a name is expected, not the end"),
        ('[concat("a")]', "column 9: '\"' has no meaning here"),
        ("[99999999999999999999]", "integers have 64 bits: 99999999999999999999 is out of range"),
    ],
)
def test_the_column_of_a_mistake_is_said(text: str, said: str) -> None:
    with pytest.raises(TemplateError) as caught:
        parse(text)
    assert str(caught.value) == said


@given(st.text(alphabet="[]()',.ab1- \n", max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse(f"[{text}]")
    except TemplateError as error:
        assert error.message


def test_long_and_deep_expressions_are_refused() -> None:
    for text, said in (("[" + "(" * MAX_LENGTH + "]", "characters"), ("[" + "a(" * 100 + ")" * 100 + "]", "deep")):
        with pytest.raises(TemplateError, match=said):
            parse(text)
