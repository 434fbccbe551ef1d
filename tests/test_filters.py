"""The language of filters: what is read, what is refused and where, and that rows and items are judged alike."""

import operator
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.columns import format_path
from engine.errors import InvalidQuery, UnknownField
from engine.filters import Predicate, bind, parse
from engine.filters.expression import And, Comparison, Expression, Has, Not, Operator, Or, join_and, join_or
from engine.filters.literal import Literal, from_string, from_word
from indexer.catalog import CatalogSpec, Product, read
from tests.support.columns import columns_of

KEYS = ("a", "b", "c.d", "NOT")
TEXTS = (
    "",
    "x",
    "xy",
    "yx",
    "*",
    "é",
    "靴",
    "2020-01-01",
    "2020-01-01T02:00:00+02:00",
    "2021-06-30",
    "true",
    "1",
    "\\",
)
NUMBERS = (0.0, 1.0, 1.5, -2.0, 1e300)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.sampled_from(NUMBERS), st.sampled_from(TEXTS)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=2)),
    max_leaves=4,
)
PAYLOADS = st.lists(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4), max_size=10)
PATHS = st.lists(st.sampled_from(KEYS), min_size=1, max_size=2).map(tuple)
LITERALS = st.one_of(
    st.sampled_from(("true", "false", "0", "1", "1.50", "-2", "1e300", "+1")).map(
        lambda word: Literal(word, bare=True)
    ),
    st.builds(Literal, st.sampled_from(TEXTS)),
    st.builds(Literal, st.sampled_from(TEXTS), any_before=st.booleans(), any_after=st.booleans()),
)

DATA = Path(__file__).parents[2] / "shared/data"


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    literal = draw(LITERALS)
    operators = (Operator.EQ, Operator.NE) if literal.pattern else tuple(Operator)
    return Comparison(draw(PATHS), draw(st.sampled_from(operators)), literal)


def joined(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    several = st.lists(inner, min_size=2, max_size=4)
    return st.one_of(several.map(join_and), several.map(join_or), inner.map(Not))


EXPRESSIONS = st.recursive(st.one_of(comparisons(), comparisons(), PATHS.map(Has)), joined, max_leaves=6)


# The reference: the semantics once more, in the plainest words and without a line of the engine's.


def values_in(value: Any, path: tuple[str, ...]) -> Iterator[Any]:
    """Give what stands at a path; a list stands for its elements."""
    if isinstance(value, list):
        for element in value:
            yield from values_in(element, path)
    elif path and isinstance(value, Mapping) and path[0] in value:
        yield from values_in(value[path[0]], path[1:])
    elif not path and value is not None:
        yield value


def time_in(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text) if len(text) >= 10 else None
    except ValueError:
        return None
    return time.replace(tzinfo=time.tzinfo or UTC) if time else None


COMPARE = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def typed(literal: Literal, values: Sequence[Any]) -> Literal:
    """Tell a word like 80 or true as what it is for a field: a text, if the field has texts and none of its kind."""
    kind = bool if literal.text in ("true", "false") else float
    found = set(map(type, values))
    return Literal(literal.text) if literal.bare and str in found and kind not in found else literal


def satisfies(value: Any, sign: str, literal: Literal) -> bool:
    compare = COMPARE[sign]
    if literal.bare:
        known = literal.text == "true" if literal.text in ("true", "false") else float(literal.text)
        return type(value) is type(known) and compare(value, known)
    if not isinstance(value, str):
        return False
    if literal.any_before or literal.any_after:
        start = not literal.any_before or literal.any_after or value.endswith(literal.text)
        end = literal.any_before or value.startswith(literal.text)
        return (start and end and literal.text in value) == (sign == "=")
    times = time_in(value), time_in(literal.text)
    return compare(*times) if None not in times else compare(value, literal.text)


def holds(expression: Expression, payload: Mapping[str, Any], stored: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether an item passes, where the fields are those of what is stored."""
    match expression:
        case Comparison(path, sign, literal):
            known = typed(literal, [value for other in stored for value in values_in(other, path)])
            return any(satisfies(value, sign.value, known) for value in values_in(payload, path))
        case Has(path):
            return any(map(has_leaf, values_in(payload, path)))
        case Not(term):
            return not holds(term, payload, stored)
        case And(terms):
            return all(holds(term, payload, stored) for term in terms)
        case Or(terms):
            return any(holds(term, payload, stored) for term in terms)


def has_leaf(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(has_leaf, value.values()))
    return any(map(has_leaf, value)) if isinstance(value, list) else value is not None


def paths_in(expression: Expression) -> set[tuple[str, ...]]:
    match expression:
        case Comparison(path) | Has(path):
            return {path}
        case Not(term):
            return paths_in(term)
        case And(terms) | Or(terms):
            return set().union(*map(paths_in, terms))


@given(PAYLOADS, EXPRESSIONS)
def test_rows_and_items_are_judged_alike(payloads: list[dict[str, Any]], expression: Expression) -> None:
    """A mask of columns, the items one by one and the plain reference never disagree."""
    columns = columns_of(payloads).with_fields(format_path(path) for path in paths_in(expression))
    # Not bound: also what a field can never be is judged alike, though nobody may ask it.
    predicate = Predicate(expression, columns)
    wanted = [holds(expression, payload, payloads) for payload in payloads]
    assert [predicate.matches(payload) for payload in payloads] == wanted
    assert predicate.mask().tolist() == wanted


@given(EXPRESSIONS)
def test_a_filter_has_one_text(expression: Expression) -> None:
    """The text of a filter is a filter, and the same one."""
    assert parse(str(expression)) == expression
    assert str(parse(str(expression))) == str(expression)


@given(st.lists(st.text(max_size=5), min_size=1, max_size=3).map(tuple), st.text(max_size=8))
def test_any_name_and_any_text_can_be_written(path: tuple[str, ...], text: str) -> None:
    """Whatever key and value a catalogue has, a filter can ask for it."""
    assert parse(f"{format_path(path)} = {Literal(text)}") == Comparison(path, Operator.EQ, Literal(text))


@given(st.text(alphabet="ab.:*()=<>!\"'\\ -,&AND OR NOT has( 0", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing but InvalidQuery comes of a text, and it names the field and a position within the text."""
    try:
        expression = parse(text)
    except InvalidQuery:
        with pytest.raises(InvalidQuery, match=r"^position ([0-9]+): expected .*, got ") as refusal:
            parse(text)
        assert refusal.value.field == "filter"
        assert 1 <= int(str(refusal.value).split()[1].rstrip(":")) <= len(text) + 1
    else:
        assert parse(str(expression)) == expression


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("", ""),
        (" \n", ""),
        ("a=1 AND b=2 OR c=3", "a = 1 AND (b = 2 OR c = 3)"),
        ("a=1 OR b=2 AND c=3", "(a = 1 OR b = 2) AND c = 3"),
        ("a=1 b=2 OR c=3 AND d=4", "a = 1 AND (b = 2 OR c = 3) AND d = 4"),
        ("(a=1 AND b=2) OR c=3", "(a = 1 AND b = 2) OR c = 3"),
        ("NOT a=1 OR -b=2", "NOT a = 1 OR NOT b = 2"),
        ("NOT (a=1 b=2)", "NOT (a = 1 AND b = 2)"),
        ("((a=1) ((b=2)))", "a = 1 AND b = 2"),
        ("has(a.b) c:*", "a.b:* AND c:*"),
        ("a:x", 'a = "x"'),
        ("a:(x OR 'y z')", 'a = "x" OR a = "y z"'),
        ("a:(x AND (y OR 3))", 'a = "x" AND (a = "y" OR a = 3)'),
        ("a = (1 OR 2) b = 3", "(a = 1 OR a = 2) AND b = 3"),
        ("a >= 2020-05-01T10:00:00+02:00", 'a >= "2020-05-01T10:00:00+02:00"'),
        ("a<-3 b != true", "a < -3 AND b != true"),
        ("""a = "it's" b = 'say \\'hi\\''""", 'a = "it\'s" AND b = "say \'hi\'"'),
        ("a = 'x*' b = \"*y*\" c:*z", 'a = "x*" AND b = "*y*" AND c = "*z"'),
        (r'a = "x\*"', r'a = "x\*"'),
        (r'a = "x\\*"', r'a = "x\\*"'),
        ('"AND" = 1 a.OR = 2', '"AND" = 1 AND a.OR = 2'),
        ('attributes."screen.size" > 5', 'attributes."screen.size" > 5'),
        ("ANDROID = 1 NOTE = 2 has = 3", "ANDROID = 1 AND NOTE = 2 AND has = 3"),
        ("größe = 椅子", 'größe = "椅子"'),
    ],
)
def test_what_is_read(text: str, canonical: str) -> None:
    """OR binds tighter than AND, terms side by side are joined by AND, and `:` with values is `=` with each."""
    assert str(parse(text)) == canonical


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", "position 2: expected a comparison (= != < <= > >= :), got the end"),
        ("a =", "position 4: expected ( or a value, got the end"),
        ("a = AND b = 1", "position 5: expected ( or a value, got 'AND b = 1'"),
        (
            "a = 1 and b = 2",
            "position 11: expected a comparison (= != < <= > >= :), got 'b = 2'; operators are upper case",
        ),
        ("(a = 1", "position 7: expected a field, ), AND or OR, got the end"),
        ("a = 1)", "position 6: expected the end, got ')'"),
        ('a = "x', "position 5: expected ( or a value, got '\"x'; missing closing quote"),
        ('a = "x" "y"', "position 12: expected a comparison (= != < <= > >= :), got the end"),
        ("a == 1", "position 4: expected ( or a value, got '= 1'"),
        ("= 3", "position 1: expected a field or the end, got '= 3'"),
        ("a = 1, b = 2", "position 6: expected a field, AND, OR or the end, got ', b = 2'"),
        ("a:(x y)", "position 6: expected ), AND or OR, got 'y)'"),
        ("a:()", "position 4: expected ( or a value, got ')'"),
        ("a < x*", 'position 5: expected a value without a star for <, got "x*"'),
        ("a = 1 OR", "position 9: expected a field, got the end"),
        ("has(a", "position 6: expected ), got the end"),
        ("a = http://example.com/some/where", "position 9: expected a field, AND, OR or the end, got '://example.com/"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    """The message says where the filter breaks off, what could stand there and what does."""
    with pytest.raises(InvalidQuery) as refusal:
        parse(text)
    assert str(refusal.value).startswith(message)
    assert refusal.value.field == "filter"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("NOT " * 1000 + "a = 1", "nested at most 32 deep"),
        ("a:" + "(" * 100 + "x" + ")" * 100, "nested at most 32 deep"),
        ("(" * 4000, "position 4001: expected a field"),
        ("NOT(b=1 OR " * 600 + "a=1" + ")" * 600, "nested at most 32 deep"),
        ("a=1 " * 1100, "expected at most 1024 comparisons in a filter, got 1100"),
        ("a = " + "x" * 9000, "expected at most 8192 characters of filter, got 9004"),
    ],
)
def test_what_is_too_much(text: str, message: str) -> None:
    """Length, depth and number of comparisons have limits, and no depth overflows a stack."""
    with pytest.raises(InvalidQuery, match=message):
        parse(text)
    deep = "NOT (a=1 OR " * 16
    assert parse(deep[: -len(" OR ")] + ")" * 16)
    assert parse("(" * 1000 + "a=1" + ")" * 1000) == parse("a=1")


ITEMS = [
    {"id": 1, "price": 49.5, "brand": "HP", "tags": ["new", "sale"], "made": "2020-05-01", "ok": True, "mix": "1"},
    {"id": 2, "price": 50, "brand": "hp", "tags": "new", "made": "2020-05-01T12:00:00Z", "ok": False, "mix": 1},
    {"id": 3, "brand": "HP Inc", "tags": [], "made": "2021-01-01T00:00:00+01:00", "attributes": {"color": "red"}},
    {"id": 4, "price": 7, "brand": "80", "mix": True, "attributes": {"color": "dark red", "size": 4}},
]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", [1, 2, 3, 4]),
        ("price < 50", [1, 4]),
        ("price <= 50", [1, 2, 4]),
        ("price != 50", [1, 4]),
        ("NOT price = 50", [1, 3, 4]),
        ("-price:*", [3]),
        ("brand = HP", [1]),
        ("brand = 'HP*'", [1, 3]),
        ("brand != 'HP*'", [2, 4]),
        ("brand = '*P'", [1]),
        ("brand = '*p*'", [2]),
        ("brand = 80", [4]),
        ("brand != 80", [1, 2, 3]),
        ("brand >= HP", [1, 2, 3]),
        ("tags:new", [1, 2]),
        ("tags = sale", [1]),
        ("tags != new", [1]),
        ("NOT tags:(sale OR old)", [2, 3, 4]),
        ("tags:(sale AND new)", [1]),
        ("tags:(sale AND old)", []),
        ("has(tags)", [1, 2]),
        ("made = 2020-05-01", [1]),
        ("made < 2020-06-01", [1, 2]),
        ("made > 2020-05-01T11:59:59.5Z", [2, 3]),
        ("made >= '2020-12-31T23:00:00Z'", [3]),
        ("made = '2020*'", [1, 2]),
        ("ok = true", [1]),
        ("ok != true", [2]),
        ("NOT ok = true", [2, 3, 4]),
        ("mix = 1", [2]),
        ("mix != 1", []),
        ("mix != false", [4]),
        ("mix < '2'", [1]),
        ("mix = '1'", [1]),
        ("mix = true", [4]),
        ("mix:*", [1, 2, 4]),
        ("attributes.color = 'dark red'", [4]),
        ("attributes.color = *red", [3, 4]),
        ("has(attributes)", [3, 4]),
        ("has(attributes.size)", [4]),
        ("price < 50 brand = HP OR brand = 80", [1, 4]),
        ("price:(7 OR 50 OR 49.5 OR 1 OR 2 OR 3)", [1, 2, 4]),
        ("id:(1 OR 3) OR price > 49 OR has(mix)", [1, 2, 3, 4]),
    ],
)
def test_what_passes(text: str, ids: list[int]) -> None:
    """Worked out by hand: a comparison with what an item lacks is false, and any element of a list is enough."""
    predicate = bind(parse(text), columns_of(ITEMS))
    assert (np.flatnonzero(predicate.mask()) + 1).tolist() == ids
    assert [item["id"] for item in ITEMS if predicate.matches(item)] == ids


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("brand = HP prize < 5", "position 12: unknown field 'prize': did you mean price"),
        ("has(atributes.color)", "position 5: unknown field 'atributes.color': did you mean attributes.color"),
        ("attributes = red", "position 1: unknown field 'attributes': did you mean attributes.color, attributes.size"),
        ("NOT (id = 1 OR colour:*)", "position 16: unknown field 'colour': did you mean attributes.color"),
        ("price = cheap", 'position 9: expected a number for price, got "cheap"'),
        ('price > "5"', 'position 9: expected a number for price, got "5"'),
        ("ok = 1", "position 6: expected true or false for ok, got 1"),
        ("made > 2020", "position 8: expected a date or time such as 2024-05-31 or 2024-05-31T12:00:00Z for m"),
        ("made:(2020-05-01 OR soon)", "position 21: expected a date"),
    ],
)
def test_what_the_fields_cannot_be(text: str, message: str) -> None:
    """Unknown fields and values that a field never has are refused where they stand."""
    with pytest.raises(InvalidQuery) as refusal:
        bind(parse(text), columns_of(ITEMS))
    assert str(refusal.value).startswith(message)
    assert refusal.value.field == "filter"
    assert isinstance(refusal.value, UnknownField) == ("unknown" in message)


def test_a_field_that_only_live_items_have() -> None:
    """It can be asked for once it is known; no stored row has it."""
    expression = parse("colour = red OR shade.dark:*")
    predicate = bind(expression, columns_of(ITEMS).with_fields(["colour", "shade.dark"]))
    assert not predicate.mask().any()
    assert predicate.matches({"colour": "red"})
    assert predicate.matches({"shade": {"dark": 1}})
    assert not predicate.matches({"colour": "blue"})
    assert bind(Not(expression), columns_of(ITEMS).with_fields(["colour", "shade.dark"])).mask().all()


def test_equal_filters_have_equal_texts() -> None:
    """What is written in other quotes and other blanks is the same filter."""
    texts = ("a = x  AND b:(1 OR 2)", "a:'x' (b = 1 OR b = 2)", '(a="x") AND (b:(1 OR 2))')
    assert len({str(parse(text)) for text in texts}) == 1


@pytest.mark.parametrize(
    ("written", "literal"),
    [
        (r'"a\"b"', Literal('a"b')),
        (r"'\\*'", Literal("\\", any_after=True)),
        (r"'\\\*'", Literal("\\*")),
        ("'*'", Literal("", any_before=True)),
        ("'**'", Literal("", any_before=True, any_after=True)),
        ("'a*b'", Literal("a*b")),
    ],
)
def test_strings(written: str, literal: Literal) -> None:
    """A star at an end is any text, a backslash takes what follows as it is."""
    assert from_string(written) == literal
    assert from_string(str(literal)) == literal


def test_words() -> None:
    """A bare word is what it looks like, and a text."""
    assert from_word("80").number == 80
    assert from_word("true").truth is True
    assert from_word("1e3x").number is None
    assert from_word("nan").number is None
    assert from_word("2020-01-01").timestamp_us == 1577836800_000_000
    assert from_word("x*") == Literal("x", any_after=True)


@pytest.mark.real
@pytest.mark.skipif(not DATA.exists(), reason="no real data")
def test_real_catalogue(tmp_path: Path) -> None:
    """Filters that a shop would ask of a real catalogue of electronics, against the items one by one."""
    entries = read(CatalogSpec(DATA / "icecat_search/catalog.jsonl.gz"))
    payloads = [entry.payload for entry in entries if isinstance(entry, Product)][:3000]
    columns = columns_of(payloads)
    for text in (
        'brand = "HP" AND price < 10000',
        "brand:(HP OR Lenovo OR Dell) -attributes.product_colour = Black",
        "date_released >= 2010-01-01 AND date_released < 2012-01-01",
        'title = "*Cartridge*" OR title = "HP *"',
        "has(attributes.cable_length) attributes.cable_length > 2",
        "ean:0882780756328 OR model = 80",
        "NOT has(attributes)",
    ):
        predicate = bind(parse(text), columns)
        wanted = [predicate.matches(payload) for payload in payloads]
        assert predicate.mask().tolist() == wanted
        assert wanted == [holds(predicate.expression, payload, payloads[:20]) for payload in payloads]
        assert 0 < sum(wanted) < len(payloads) or text == "NOT has(attributes)"
