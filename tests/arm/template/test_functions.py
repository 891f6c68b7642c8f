"""Functions of the template language, by the examples of Azure's documentation where it has some."""

import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.arm.template.deployments import NOW, PLACE, value
from upgrades.arm.template.errors import TemplateError
from upgrades.arm.template.functions import FUNCTIONS
from upgrades.arm.template.scope import Scope

GOOD: list[tuple[str, Any]] = [
    # strings
    ("base64('one, two, three')", "b25lLCB0d28sIHRocmVl"),
    ("base64ToString('b25lLCB0d28sIHRocmVl')", "one, two, three"),
    ("base64ToJson('eyJvbmUiOiAxfQ==').ONE", 1),
    ("concat('prefix', '-', 5, true())", "prefix-5True"),
    ("concat(createArray(1), createArray('a', null()))", [1, "a", None]),
    ("contains('OneTwoThree', 'e')", True),
    ("contains('OneTwoThree', 'z')", False),
    ("contains(createObject('One', 1), 'ONE')", True),
    ("contains(createArray('one', 'two'), 'ONE')", False),
    ("dataUri('Hello')", "data:text/plain;charset=utf8;base64,SGVsbG8="),
    ("dataUriToString('data:;base64,SGVsbG8sIFdvcmxkIQ==')", "Hello, World!"),
    ("endsWith('abcdef', 'F')", True),
    ("startsWith('abcdef', 'AB')", True),
    (
        "format('{0}, {1}. Formatted number: {2:N0}', 'Hello', 'User', 8175133)",
        "Hello, User. Formatted number: 8,175,133",
    ),
    ("format('{{{0,4}|{0,-4}|{1:D3}|{2:X4}|{3:F1}}}', 'ab', -7, 255, float('2.25'))", "{  ab|ab  |-007|00FF|2.3}"),
    (
        "format('{0:C2}|{1:P1}|{2:E2}|{3:x}|{4:#,##0.00}|{5:000}', 5, float('0.125'), 12345, 255, 1234567, 7)",
        "\N{CURRENCY SIGN}5.00|12.5 %|1.23E+004|ff|1,234,567.00|007",
    ),
    ("format('{0:N0} {1:yyyy}', true(), 'text')", "True text"),
    ("guid('a', 'b')", str(uuid.uuid5(uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830"), "a-b"))),
    ("indexOf('abcdef', 'CD')", 2),
    ("lastIndexOf('abcdef', 'AB')", 0),
    ("indexOf('abcdef', 'z')", -1),
    ("join(createArray('one', 2), ';')", "one;2"),
    ("padLeft('123', 10, '0')", "0000000123"),
    ("padLeft(5, 3)", "  5"),
    ("replace('123-123-1234', '-', '')", "1231231234"),
    ("split('one;two,three', createArray(',', ';'))", ["one", "two", "three"]),
    ("split('a,b', ',')", ["a", "b"]),
    ("string(createObject('a', createArray(1, true())))", '{"a":[1,true]}'),
    ("string(true())", "True"),
    ("substring('one two three', 4, 3)", "two"),
    ("substring('abc', 3)", ""),
    ("take('one two', 3)", "one"),
    ("skip('one two', 20)", ""),
    ("toUpper('one')", "ONE"),
    ("trim('    one two   ')", "one two"),
    ("uri('http://contoso.org/firstpath/', 'my.txt')", "http://contoso.org/firstpath/my.txt"),
    ("uriComponent('http://contoso.com/resources/a b')", "http%3A%2F%2Fcontoso.com%2Fresources%2Fa%20b"),
    ("uriComponentToString('a%2Fb')", "a/b"),
    # values that Azure makes, as people have published them
    ("uniqueString('tyeth')", "zcztcwvu6iyg6"),
    ("uniqueString('hello', 'world')", "a7wkljktk6wne"),
    (
        "uniqueString('/subscriptions/3c7f956b-55ee-4686-9d30-da1eb631dc59/resourceGroups/rg-devopsshieldek010dev')",
        "fd63l2gacbtca",
    ),
    ("uniqueString('')", "aaaaaaaaaaaaa"),
    ("toLower('ONE')", "one"),
    # arrays and objects
    ("array('a')", ["a"]),
    ("empty(createArray())", True),
    ("empty('')", True),
    ("first('One Two')", "O"),
    ("last(createArray(1, 2))", 2),
    ("first(createArray())", None),
    ("flatten(createArray(createArray(1), createArray(2, 3)))", [1, 2, 3]),
    ("intersection(createObject('one', 'a', 'two', 'b'), createObject('One', 'a', 'two', 'z'))", {"one": "a"}),
    ("intersection(createArray(1, 2, 3), createArray(3, 2))", [2, 3]),
    ("items(createObject('b', 1, 'a', 2))", [{"key": "a", "value": 2}, {"key": "b", "value": 1}]),
    ("json('{\"a\": [null]}').a[0]", None),
    ("length(createObject('a', 1, 'b', 2))", 2),
    ("max(createArray(0, 3, 2))", 3),
    ("min(0, -3)", -3),
    ("objectKeys(createObject('b', 1, 'A', 2, 'a2', 3))", ["A", "a2", "b"]),
    ("createObject('a', createObject('b', 1)).?a.b", 1),
    ("createObject('a', 1).?b.c[0]", None),
    ("createArray(1)[?1]", None),
    ("createArray(1)[?0]", 1),
    ("intersection(createArray(createObject('A', 1), true()), createArray(createObject('a', 1), 1))", [{"A": 1}]),
    ("range(5, 3)", [5, 6, 7]),
    ("shallowMerge(createArray(createObject('a', createObject('x', 1)), createObject('A', 2)))", {"a": 2}),
    ("skip(createArray(1, 2, 3), 2)", [3]),
    ("take(createArray(1, 2, 3), -1)", []),
    ("tryGet(createObject('a', createArray(7)), 'a', 0)", 7),
    ("tryGet(createObject('a', 1), 'b', 'c')", None),
    ("indexFromEnd(createArray(1, 2, 3), 1)", 3),
    ("tryIndexFromEnd(createArray(1), 2)", None),
    ("union(createArray(1, 'a', 1), createArray('A', true()))", [1, "a", "A", True]),
    (
        "union(createObject('a', createObject('x', 1)), createObject('A', createObject('y', 2)))",
        {"a": {"x": 1, "y": 2}},
    ),
    # numbers
    ("add(5, 3)", 8),
    ("sub(7, 3)", 4),
    ("mul(5, 3)", 15),
    ("div(8, 3)", 2),
    ("div(-8, 3)", -2),
    ("mod(7, 3)", 1),
    ("mod(-7, 3)", -1),
    ("int('4')", 4),
    ("float('3.5')", 3.5),
    # logic and comparison
    ("and(bool('1'), bool('TRUE'), true())", True),
    ("and(false(), missing())", False),
    ("or(true(), missing())", True),
    ("if(equals('a', 'a'), 'yes', missing())", "yes"),
    ("not(bool(0))", True),
    ("coalesce(null(), null(), 'c', missing())", "c"),
    ("equals('abc', 'ABC')", False),
    ("equals(1, true())", False),
    ("equals(createObject('A', createArray(1)), createObject('a', createArray(1)))", True),
    ("greater('a', 'A')", True),
    ("greaterOrEquals(2, 2)", True),
    ("less(1, 2)", True),
    ("lessOrEquals('b', 'a')", False),
    # dates
    ("dateTimeAdd('2020-04-07 14:53:14Z', 'P3Y')", "2023-04-07 14:53:14Z"),
    ("dateTimeAdd('2020-04-07 14:53:14Z', '-P9D', 'yyyy-MM-dd')", "2020-03-29"),
    ("dateTimeAdd('2020-01-31T14:53:14+02:00', 'P1M')", "2020-02-29 12:53:14Z"),
    ("dateTimeAdd('2020-04-07 14:53:14Z', 'PT1.5S', 'o')", "2020-04-07T14:53:15.5000000Z"),
    ("dateTimeAdd('2020-04-07 14:53:14Z', 'PT1H', 'dddd d MMMM yy h:m tt zzz')", "Tuesday 7 April 20 3:53 PM +00:00"),
    ("dateTimeAdd('2020-04-07 14:53:14Z', 'P1W', 'D')", "Tuesday, 14 April 2020"),
    ("dateTimeFromEpoch(1683040573)", "2023-05-02T15:16:13Z"),
    ("dateTimeToEpoch('2023-05-02T15:16:13Z')", 1683040573),
    # loops
    ("filter(range(0, 5), lambda('each', less(lambdaVariables('EACH'), 2)))", [0, 1]),
    ("filter(range(0, 4), lambda('each', 'i', equals(mod(lambdaVariables('i'), 2), 0)))", [0, 2]),
    ("map(createArray('a', 'b'), lambda('x', 'i', concat(lambdaVariables('x'), lambdaVariables('i'))))", ["a0", "b1"]),
    ("mapValues(createObject('a', 1), lambda('x', add(lambdaVariables('x'), 1)))", {"a": 2}),
    ("reduce(range(1, 4), 0, lambda('sum', 'x', add(lambdaVariables('sum'), lambdaVariables('x'))))", 10),
    ("sort(createArray(3, 1, 2), lambda('a', 'b', less(lambdaVariables('a'), lambdaVariables('b'))))", [1, 2, 3]),
    ("toObject(createArray('a', 'b'), lambda('x', lambdaVariables('x')), lambda('x', 1))", {"a": 1, "b": 1}),
    ("groupBy(range(0, 3), lambda('x', string(mod(lambdaVariables('x'), 2))))", {"0": [0, 2], "1": [1]}),
    # networks and ids
    ("parseCidr('10.144.0.0/20').lastUsable", "10.144.15.254"),
    ("parseCidr('fdad:3236:5555::/48').cidr", 48),
    ("cidrSubnet('10.144.0.0/20', 24, 2)", "10.144.2.0/24"),
    ("cidrHost('10.144.3.0/24', 0)", "10.144.3.1"),
    (
        "tenantResourceId('Microsoft.Authorization/roleDefinitions', 'x')",
        "/providers/Microsoft.Authorization/roleDefinitions/x",
    ),
]


@pytest.mark.parametrize("expression, expected", GOOD)
def test_a_function_answers_as_documented(expression: str, expected: Any) -> None:
    found = value(f"[{expression}]")
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    "expression, said",
    [
        ("nothing('a')", "there is no function 'nothing'"),
        ("toLower(5)", "toLower: argument 1 must be string, not int"),
        ("toLower()", "toLower takes 1 arguments, not 0"),
        ("substring('a', 1, 2, 3)", "substring takes 2 to 3 arguments, not 4"),
        ("add(9223372036854775807, 1)", "add: the result does not fit into 64 bits"),
        ("div(1, 0)", "div: division by zero"),
        ("int('four')", "int: 'four' is no integer"),
        ("substring('abc', 2, 5)", "must lie within the text, which has 3 characters"),
        ("range(0, 10001)", "range: at most 10000 integers"),
        ("if('yes', 1, 2)", "if: a condition must be bool, not string"),
        ("createArray(1)[1]", "the array has 1 elements and none with the index 1"),
        ("createObject('a', 1).b", "the object has no property 'b'; it has: a"),
        ("createObject('a')", "createObject takes pairs"),
        ("json('{')", "json: this is not JSON"),
        ("format('{1}', 'a')", "format: {1} has no value, there are 1"),
        ("concat('a', createArray())", "concat: all arguments are arrays, or none is"),
        ("less(1, 'a')", "less: a int cannot be compared with a string"),
        ("map(createArray(1), 'x')", "map: the last argument must be a lambda"),
        ("lambdaVariables('x')", "no lambda around it has a variable 'x'"),
        ("cidrSubnet('10.0.0.0/24', 24, 1)", "10.0.0.0/24 has no range 1 of /24"),
        ("dateTimeAdd('2020-01-01', 'later')", "'later' is no duration"),
        ("fail('pick another size')", "the template's author says: pick another size"),
        ("listKeys('a', '2020-01-01')", "the function listKeys is not offered here: nothing here has keys"),
        ("listAnything('a')", "the function listAnything is not offered here"),
        ("json('[NaN]')", "this is not JSON"),
        ("json('1e999')", "this is not JSON"),
        ("format('{0:Q}', 1)", "format: 'Q' is not known"),
        ("dateTimeAdd('2020-01-01', 'PT1H', 'Q')", "'Q' stands for no format of a date"),
        ("dateTimeAdd('9999-01-01', 'P1Y')", "not within the years 1 to 9999"),
    ],
)
def test_a_wrong_call_says_the_mistake(expression: str, said: str) -> None:
    with pytest.raises(TemplateError) as caught:
        value(f"[{expression}]")
    assert said in str(caught.value)


def test_each_function_has_a_test() -> None:
    """What a function answers is tested here, or in the tests of what is around an expression."""
    files = [Path(__file__), Path(__file__).with_name("test_templates.py"), Path(__file__).with_name("test_places.py")]
    written = "".join(each.read_text() for each in files).lower()
    here = set(FUNCTIONS) | set(Scope(PLACE, NOW, {}, {}, {}).functions)
    assert sorted(name for name in here if f"{name}(" not in written) == []


# Microsoft's pages "ARM template functions", by their groups.
DOCUMENTED = """
    array concat contains createArray empty first flatten indexFromEnd indexOf intersection last lastIndexOf length max
    min range skip take tryIndexFromEnd union objectKeys parseCidr cidrSubnet cidrHost coalesce equals less lessOrEquals
    greater greaterOrEquals dateTimeAdd dateTimeFromEpoch dateTimeToEpoch utcNow deployer deployment environment
    parameters variables filter groupBy map mapValues reduce sort toObject lambda and bool false if not or true add
    copyIndex div float int mod mul sub createObject items json null shallowMerge tryGet extensionResourceId
    managementGroupResourceId pickZones providers reference references resourceId subscriptionResourceId
    tenantResourceId managementGroup resourceGroup subscription tenant base64 base64ToJson base64ToString dataUri
    dataUriToString endsWith format guid join newGuid padLeft replace split startsWith string substring toLower toUpper
    trim uniqueString uri uriComponent uriComponentToString toLogicalZone toLogicalZones toPhysicalZone toPhysicalZones
    fail
"""


def test_each_function_of_azures_is_known() -> None:
    """It has a meaning, or is refused by name."""
    here = Scope(PLACE, NOW, {}, {}, {}).functions
    assert [name for name in DOCUMENTED.split() if name.lower() not in here] == []
