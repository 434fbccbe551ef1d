"""Delimited text as programs and people write it: every cell is the text that was meant, or is named with its line."""

import csv
import gzip
import io
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.catalog.coercion import InvalidValue
from engine.errors import InvalidCatalogue, InvalidSetting
from indexer.catalog.formats.delimited import Csv
from indexer.catalog.product import Reject
from indexer.catalog.raw_row import RawRow, SourceOptions
from indexer.catalog.table_rows import read_table

CASES = Path(__file__).parents[2] / "shared/cases/feeds"


def source(folder: Path, content: str | bytes, name: str = "c.csv", **options: str) -> Csv:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Csv(path, SourceOptions(**options))


def values(csv: Csv) -> list[dict[str, Any]]:
    """Return the values of a file that has no bad row."""
    rows = list(csv.rows())
    assert [row for row in rows if isinstance(row, Reject)] == []
    return [dict(row.values) for row in rows if isinstance(row, RawRow)]


def lines(csv: Csv) -> list[tuple[int, str]]:
    """Return line and first value of each row, or line and reason of each bad one."""
    return [
        (row.line, row.reason if isinstance(row, Reject) else str(next(iter(row.values.values()))))
        for row in csv.rows()
    ]


def test_values_are_text_as_written(tmp_path: Path) -> None:
    """Numbers, leading zeros and spaces stay; blank cells are absent."""
    rows = source(tmp_path, "item_id, title ,price,stock,note\n007, red mug ,1.50,0,\n008,x,, \t,nan\n")
    assert rows.columns(frozenset()) == ["item_id", "title", "price", "stock", "note"]
    assert values(rows) == [
        {"item_id": "007", "title": " red mug ", "price": "1.50", "stock": "0"},
        {"item_id": "008", "title": "x", "note": "nan"},
    ]
    assert rows.notices() == []


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "^", "\x01"])
@pytest.mark.parametrize("name", ["c.csv", "c.tsv", "c.txt", "c.tab"])
def test_the_delimiter_is_found_whatever_the_name(tmp_path: Path, delimiter: str, name: str) -> None:
    """The header and the rows below decide; a suffix only says what is usual."""
    content = "item_id,title,price\n1,mug,10\n2,bag,11\n".replace(",", delimiter)
    rows = source(tmp_path, content, name)
    assert values(rows) == [
        {"item_id": "1", "title": "mug", "price": "10"},
        {"item_id": "2", "title": "bag", "price": "11"},
    ]
    usual = "," if name == "c.csv" else "\t"
    assert [notice.startswith("delimited by ") for notice in rows.notices()] == [True] * (delimiter != usual)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        # Commas in a name and in every title.
        ("id;title, long;price\n1;red, big;10,50\n2;blue, small;11,50\n", ["1", "red, big", "10,50"]),
        # A tab file with lists of addresses.
        ("id\ttitle\timages\n1\ta, b\tx,y,z\n2\tc\tp,q\n", ["1", "a, b", "x,y,z"]),
        # Lists and paths of categories.
        ("id,tags,path\n1,a|b|c,x;y\n2,d|e,z\n", ["1", "a|b|c", "x;y"]),
        # Quoted delimiters, first in the header.
        ('id;"a, b, c, d"\n1;"x;y"\n2;z\n', ["1", "x;y"]),
        # Decimal commas on every row.
        ("id;w;h\n1;1,5;2,5\n2;3,5;4,5\n", ["1", "1,5", "2,5"]),
        # HTML entities have semicolons.
        ("id,title,d\n1,a &amp; b &lt;,x\n2,c &amp; d,y\n", ["1", "a &amp; b &lt;", "x"]),
        # Quotes after a blank.
        ('id, title, price\n1, "red, big", 5\n2, "blue", 6\n', ["1", "red, big", "5"]),
    ],
)
def test_other_delimiters_in_names_and_values(tmp_path: Path, content: str, expected: list[str]) -> None:
    """They are text."""
    assert list(values(source(tmp_path, content))[0].values()) == expected


@pytest.mark.parametrize("line", ["sep=;", "SEP=;", '"sep=;"', "sep=;\r", "\ufeffsep=;\r", "sep=;;;"])
def test_the_line_that_names_the_delimiter_to_excel(tmp_path: Path, line: str) -> None:
    """It is no record, and lines still count from the first."""
    rows = source(tmp_path, f"{line}\nitem_id;title\n1;a, b\n")
    assert lines(rows) == [(3, "1")]
    assert values(rows) == [{"item_id": "1", "title": "a, b"}]


def test_that_line_in_utf16_with_tabs(tmp_path: Path) -> None:
    """Excel's other export."""
    rows = source(tmp_path, "\ufeffsep=\t\r\nitem_id\ttitle\r\n1\té\r\n".encode("utf-16-le"))
    assert values(rows) == [{"item_id": "1", "title": "é"}]


@pytest.mark.parametrize("delimiter", [":", "tab", "\\t", "\t", "|"])
def test_a_given_delimiter_is_used(tmp_path: Path, delimiter: str) -> None:
    """Also one that is never looked for, and a tab by the names that a shell can pass."""
    character = "\t" if len(delimiter) > 1 else delimiter
    rows = source(tmp_path, "item_id,x;title,y;z\n1,2;a,b;c\n".replace(";", character), delimiter=delimiter)
    assert values(rows) == [{"item_id,x": "1,2", "title,y": "a,b", "z": "c"}]


@pytest.mark.parametrize("delimiter", [";;", '"', "\n"])
def test_a_given_delimiter_is_one_character(tmp_path: Path, delimiter: str) -> None:
    with pytest.raises(InvalidSetting, match="expected a delimiter of one character"):
        source(tmp_path, "item_id\n1\n", delimiter=delimiter).columns(frozenset())


def test_files_of_one_column(tmp_path: Path) -> None:
    """Nothing delimits them; in a text file a comma is no delimiter then."""
    assert values(source(tmp_path, "item_id\nabc\n007\n")) == [{"item_id": "abc"}, {"item_id": "007"}]
    assert values(source(tmp_path, "title\nred, green\n", "c.txt")) == [{"title": "red, green"}]


def test_blank_records_are_no_rows(tmp_path: Path) -> None:
    """Spreadsheets leave rows of delimiters only."""
    rows = source(tmp_path, "\n,,\r\nitem_id,title,x\n1,a,b\n,,\n  ,\t,\n\n\xa0,\n2,c,d\n,,,,,\n")
    assert lines(rows) == [(4, "1"), (9, "2")]
    assert rows.notices() == []


def test_short_rows_lack_their_last_cells(tmp_path: Path) -> None:
    """They are kept and counted."""
    rows = source(tmp_path, "item_id,title,price\n1\n2,b\n3,c,4\n")
    assert values(rows) == [
        {"item_id": "1"},
        {"item_id": "2", "title": "b"},
        {"item_id": "3", "title": "c", "price": "4"},
    ]
    assert rows.notices() == ["rows with fewer cells than the header, whose missing ones are absent: 2"]


def test_surplus_cells(tmp_path: Path) -> None:
    """Blank ones do not matter; a value beyond the header belongs to no column."""
    rows = source(tmp_path, "item_id,title\n1,a,\n2,b,, ,\n3,c,d\n")
    assert lines(rows) == [(2, "1"), (3, "2"), (4, "expected 2 fields, got 3")]


@pytest.mark.parametrize(
    "content",
    ["item_id,title,\n1,a,\n2,b,\n", "item_id,title,\n1,a\n2,b\n", "item_id,title\n1,a,\n2,b,\n"],
)
def test_a_delimiter_at_the_end_of_lines(tmp_path: Path, content: str) -> None:
    """Makes no column."""
    rows = source(tmp_path, content)
    assert rows.columns(frozenset()) == ["item_id", "title"]
    assert values(rows) == [{"item_id": "1", "title": "a"}, {"item_id": "2", "title": "b"}]
    assert rows.notices() == []


def test_a_column_without_a_name(tmp_path: Path) -> None:
    """Such as the index that pandas writes: left out, with a notice."""
    rows = source(tmp_path, ",item_id,title\n0,1,a\n1,2,b\n")
    assert values(rows) == [{"item_id": "1", "title": "a"}, {"item_id": "2", "title": "b"}]
    assert rows.notices() == ["rows with a value in a column without a name, which is left out: 2"]


def test_joined_files(tmp_path: Path) -> None:
    """The header of the second file is no product, nor is the end of a DOS file."""
    rows = source(tmp_path, "item_id,title\n1,a\nitem_id, title\n2,item_id\n\x1a")
    assert lines(rows) == [(2, "1"), (4, "2")]
    assert rows.notices() == ["rows that repeat the header, left out: 1"]


def test_line_breaks_and_quotes(tmp_path: Path) -> None:
    """Quoted line breaks, commas and quotes stay; the line is the physical one that a row starts on."""
    rows = source(tmp_path, '\ufeffitem_id,title\r\na,"two\r\nlines, and ""quotes"""\r\n\r\nb,"née"\r\n')
    assert lines(rows) == [(2, "a"), (5, "b")]
    assert [row["title"] for row in values(rows)] == ['two\r\nlines, and "quotes"', "née"]


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n", "\r\r\n"])
def test_ends_of_lines(tmp_path: Path, end: str) -> None:
    """Of old Macs, Windows, Unix, and of Windows twice; also where the last is missing."""
    for last in (end, ""):
        rows = source(tmp_path, f"item_id,title{end}1,a{end}2,b{last}")
        assert lines(rows) == [(2, "1"), (3, "2")]
        assert values(rows)[1] == {"item_id": "2", "title": "b"}


def test_characters_that_end_lines_elsewhere_are_text(tmp_path: Path) -> None:
    """A carriage return inside a line is a blank; Unicode's separators and control characters stay."""
    rows = source(tmp_path, 'item_id,title\n1,red\rmug\n2,"red\rmug"\n3,a\u2028b\x0bc\x85d\x1ee\0f\n')
    assert [row["title"] for row in values(rows)] == ["red mug", "red\rmug", "a\u2028b\x0bc\x85d\x1ee\0f"]
    assert [line for line, _ in lines(rows)] == [2, 3, 4]


@pytest.mark.parametrize(
    "header", ['\ufeff"item_id","title"', '"\ufeffitem_id","title"', "\ufeff\ufeffitem_id, title "]
)
def test_byte_order_marks_in_the_header(tmp_path: Path, header: str) -> None:
    """Before, inside quotes, or written twice: no part of a name."""
    assert source(tmp_path, f"{header}\r\n1,a\r\n").columns(frozenset()) == ["item_id", "title"]


def test_broken_quotes_cost_one_row(tmp_path: Path) -> None:
    """A quote that nothing closes, text after a quote: the rows around them are read."""
    rows = source(tmp_path, 'item_id,title\na,5" wide\nb,"C"x\nc,"never closed\nd,D\ne,夏\nf,"H\nH"\n')
    assert lines(rows) == [
        (2, "a"),
        (3, "bad CSV: ',' expected after '\"'"),
        (4, "bad CSV: ',' expected after '\"'"),
        (5, "d"),
        (6, "e"),
        (7, "f"),
    ]


def test_the_rest_of_a_broken_record_is_no_row(tmp_path: Path) -> None:
    """Lines that a torn quote leaves behind would else be short rows with a wrong id."""
    rows = source(tmp_path, 'item_id,title,price\n1,"5" wide\nand, long\n",3\n2,b,3\n3\n')
    assert lines(rows) == [
        (2, "bad CSV: ',' expected after '\"'"),
        (3, "expected 3 fields, got 2"),
        (4, "bad CSV: unexpected end of data"),
        (5, "2"),
        (6, "3"),
    ]


def test_a_quote_that_nothing_closes_costs_one_line_of_a_large_file(tmp_path: Path) -> None:
    """The lines that it swallowed are read again, whatever the size of the blocks."""
    rows = "".join(f"{number},{'x' * 1000}\n" for number in range(5000))
    found = lines(source(tmp_path, f'item_id,title\nbad,"open\n{rows}'))
    assert found[0] == (2, "bad CSV: unexpected end of data")
    assert found[1:] == [(3 + number, str(number)) for number in range(5000)]


@pytest.mark.long
def test_a_quote_that_swallows_more_than_a_field_may_hold(tmp_path: Path) -> None:
    """A field has at most 16 Mi characters, as a line of JSON Lines."""
    found = lines(source(tmp_path, 'item_id,title\nbad,"open\n' + f"1,{'x' * 2**20}\n" * 20))
    assert found[0] == (2, "bad CSV: expected fields of at most 16777216 characters, got more")
    assert len(found) == 21


@pytest.mark.parametrize("size", [140_000, 3 * 2**20])
def test_long_fields(tmp_path: Path, size: int) -> None:
    """Descriptions with pictures inside, with and without line breaks, also larger than a block."""
    text = "<img src='" + "A" * size + "'>"
    broken = "line\n" * (size // 5)
    rows = values(source(tmp_path, f'item_id,d\n1,"{text}"\n2,{text}\n3,"{broken}"\n4,x\n'))
    assert [row["d"] for row in rows] == [text, text, broken, "x"]


def test_a_line_without_end_is_refused(tmp_path: Path) -> None:
    """A file of 65 MiB without a line break is no table."""
    with pytest.raises(InvalidCatalogue, match="expected lines of at most 67108864 characters, got more"):
        source(tmp_path, b"x" * (65 * 2**20)).columns(frozenset())


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (r'"5\" wide"', '5" wide'),
        (r'"end\""', 'end"'),
        (r'"\"all\""', '"all"'),
        (r'"a, \"b\", c"', 'a, "b", c'),
        (r'"back\\"', r"back\\"),
        (r'"{\"w\": 5, \"h\": 6}"', '{"w": 5, "h": 6}'),
        (r'"two ""styles"" \"here\""', 'two "styles" "here"'),
        (r"C:\new\table", r"C:\new\table"),
        ('"\\"line\nbreak\\""', '"line\nbreak"'),
        (r"5\" wide", '5" wide'),
    ],
)
def test_quotes_escaped_by_a_backslash(tmp_path: Path, cell: str, text: str) -> None:
    """As MySQL writes them, seen from the whole file; other backslashes are text."""
    rows = source(tmp_path, f'item_id,title,d\n0,mug,"x"\n1,"a \\"b\\", c","fine"\n2,{cell},"fine, really"\n3,mug,y\n')
    assert [row["title"] for row in values(rows)] == ["mug", 'a "b", c', text, "mug"]
    assert rows.notices() == ['quotes inside quotes are escaped by a backslash: read \\" as a quote']


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (r'"C:\dir\"', "C:\\dir\\"),
        (r'"{""a"": ""5\"" x""}"', r'{"a": "5\" x"}'),
        ("5\\", "5\\"),
        (r"5\" x", r"5\" x"),
    ],
)
def test_backslashes_of_rfc_4180_are_text(tmp_path: Path, cell: str, text: str) -> None:
    """A file that is right without escapes is read without."""
    rows = source(tmp_path, f'item_id,title,d\n1,{cell},"fine"\n2,"{{}}",x\n')
    assert values(rows)[0]["title"] == text
    assert rows.notices() == []


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ('="0012"', "0012"),
        ('"=""0012"""', "0012"),
        ("'0012", "0012"),
        ('"\'0012"', "0012"),
        ("'12a", "'12a"),
        ("'t Hooft", "'t Hooft"),
        ("'90s mug", "'90s mug"),
        ("=SUM(A1)", "=SUM(A1)"),
        ('"<a href=""x"">"', '<a href="x">'),
        ("5'", "5'"),
    ],
)
def test_text_marks_of_excel(tmp_path: Path, cell: str, text: str) -> None:
    """What keeps leading zeros in Excel is no part of the value; other apostrophes and equals signs are."""
    assert values(source(tmp_path, f"ean,title\n{cell},{cell}\n")) == [{"ean": text, "title": text}]


@pytest.mark.parametrize(
    ("preamble", "line"),
    [
        ("Export of 2024-01-01\n", 2),
        ("Export of 2024-01-01\n\n", 3),
        ("Products,,\n,,\n", 3),
        ("# exported, by hand\n# yesterday\n", 3),
        ("Export, all products\n", 2),
        ("\n \n", 3),
    ],
)
def test_lines_before_the_header(tmp_path: Path, preamble: str, line: int) -> None:
    """Titles and comments are left out with a notice; blank lines without."""
    rows = source(tmp_path, f"{preamble}item_id,title,price\n1,a,2\n2,b,3\n")
    assert rows.columns(frozenset()) == ["item_id", "title", "price"]
    assert lines(rows) == [(line + 1, "1"), (line + 2, "2")]
    notices = rows.notices()
    assert [f"the header is on line {line}: left out before it: line 1" in notice for notice in notices] == (
        [True] if preamble.strip() else []
    )


def test_a_title_before_a_header_of_unknown_names(tmp_path: Path) -> None:
    """Numbers below names show which line is the header."""
    rows = source(tmp_path, "Produktliste\nNummer;Bezeichnung;Preis\n100;a;2\n200;b;3\n")
    assert rows.columns(frozenset()) == ["Nummer", "Bezeichnung", "Preis"]


@pytest.mark.parametrize(
    "content",
    ["item_id\n1,foo,3\n2,bar,4\n", "#id,title\n1,a\n2,b\n", "item_id,title\n1,id,x\n2,b,y\n"],
)
def test_a_header_is_not_taken_for_a_title(tmp_path: Path, content: str) -> None:
    """A header narrower than its rows, or one that starts with #."""
    assert source(tmp_path, content).columns(frozenset())[0] == content.split(",")[0].split("\n")[0]


def test_bad_bytes_cost_one_cell(tmp_path: Path) -> None:
    """Among UTF-8 text a few other bytes are errors: the byte is named, the rest of the row is kept."""
    content = "item_id,title,brand\n1,été,夏\n2,Größe,b\n".encode() + b"3,caf\xe9,Acme\n"
    row = values(source(tmp_path, content))[2]
    assert (row["item_id"], row["brand"]) == ("3", "Acme")
    reason = "not UTF-8: byte 0xe9 at position 4; pass --encoding if the file has another one"
    assert row["title"] == InvalidValue(reason)


def test_a_header_that_cannot_be_decoded(tmp_path: Path) -> None:
    """No column could be named."""
    with pytest.raises(InvalidCatalogue, match="cannot read the header: not UTF-8: byte 0xe9 at position 4"):
        source(tmp_path, b"item_id,caf\xe9\n" + "1,été夏\n".encode()).columns(frozenset())


def test_a_named_encoding(tmp_path: Path) -> None:
    """It is used without a notice."""
    rows = source(tmp_path, "item_id,title\n1,Świeca\n".encode("cp1250"), encoding="cp1250")
    assert values(rows) == [{"item_id": "1", "title": "Świeca"}]
    assert rows.notices() == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("\ufeff", "is empty"),
        ("\n,,\n \n", "is empty"),
        ("item_id,title\n", "has a header and no rows"),
        ("item_id,title\n,\n\n", "has a header and no rows"),
        ("item_id,a,b,a\n1,2,3,4\n", "has two columns named 'a', columns 2 and 4: rename or remove one"),
        ("item_id,image_vector\n1,2\n", "image_vector cannot come in a CSV file"),
        ('"item_id\n', "cannot read the header: bad CSV: unexpected end of data"),
        ("item_id\0,title\n1,a\n", "cannot read the header: holds the character 0: is this a text file?"),
    ],
)
def test_files_that_are_no_table(tmp_path: Path, content: str, message: str) -> None:
    """The message says what is wrong."""
    with pytest.raises(InvalidCatalogue) as caught:
        source(tmp_path, content).columns(frozenset())
    assert message in str(caught.value)


def test_a_truncated_file(tmp_path: Path) -> None:
    content = gzip.compress(b"item_id,title\n" + random.Random(1).randbytes(4000).hex().encode() + b"\n1,a\n")
    with pytest.raises(InvalidCatalogue, match="Compressed file ended before"):
        list(source(tmp_path, content[:-900], "c.csv.gz").rows())


cells = st.text(st.characters(codec="utf-8", exclude_characters="\r\0\ufdd0"), max_size=12).map("x{}".format)


@given(
    table=st.lists(st.lists(cells | st.just(""), min_size=2, max_size=2), max_size=8),
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_a_csv_writer_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, table: list[list[str]], delimiter: str, end: str
) -> None:
    """Any text, quoted where it must be, with any delimiter."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end)
    writer.writerow(["item_id", "title", "x"])
    writer.writerows([number, *row] for number, row in enumerate(table))
    rows = source(tmp_path_factory.mktemp("rows"), text.getvalue())
    assert values(rows) == [
        {name: cell for name, cell in zip(("item_id", "title", "x"), [str(number), *row], strict=True) if cell}
        for number, row in enumerate(table)
    ]


def test_large_files_are_read_in_blocks(tmp_path: Path) -> None:
    """Rows, lines and quoted line breaks are the same on both sides of a block's border."""
    content = "".join(f'{n},"title {n}\n{"é" * (n % 7)}",{n}.50\n' for n in range(100_000))
    rows = source(tmp_path, f"item_id,title,price\n{content}")
    for number, row in enumerate(rows.rows()):
        assert isinstance(row, RawRow)
        assert row.line == 2 + 2 * number
        title = f"title {number}\n{'é' * (number % 7)}"
        assert row.values == {"item_id": str(number), "title": title, "price": f"{number}.50"}
    assert number == 99_999


def test_queries_and_judgments_are_read_like_catalogues(tmp_path: Path) -> None:
    """Any delimiter and encoding; missing cells are "", and a bad row is an error with its number."""
    source(tmp_path, "query_id;query;image\r\nq1;Müsli, grün;\r\n;;\r\nq2;Öl\r\n".encode("cp1252"), "queries.csv")
    assert list(read_table(tmp_path / "queries.csv")) == [
        (1, {"query_id": "q1", "query": "Müsli, grün", "image": ""}),
        (2, {"query_id": "q2", "query": "Öl", "image": ""}),
    ]
    source(tmp_path, "query_id\tquery\nq1\ta\tb\n", "queries.tsv")
    with pytest.raises(InvalidCatalogue, match="row 1: expected 2 fields, got 3"):
        list(read_table(tmp_path / "queries.tsv"))
    (tmp_path / "queries.jsonl").write_bytes('{"query": "été"}\n'.encode("utf-16"))
    assert list(read_table(tmp_path / "queries.jsonl")) == [(1, {"query": "été"})]


@pytest.mark.real
@pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not beside this checkout")
@pytest.mark.parametrize(
    ("name", "count", "first"),
    [
        ("csv_delimiters/A01_semicolon__catalog.csv", 6, {"item_id": "P000", "price": "10,50"}),
        ("csv_delimiters/A02_tab_named_csv__catalog.csv", 6, {"item_id": "P000", "price": "10.50"}),
        ("csv_delimiters/A04_pipe__catalog.csv", 6, {"item_id": "P000", "price": "10.50"}),
        ("csv_delimiters/A14_sep_comma__catalog.csv", 4, {"item_id": "P000", "price": "10.50"}),
        ("csv_delimiters/A14_sep_line__catalog.csv", 4, {"item_id": "P000", "price": "10.50"}),
        ("google_tsv/A03_google_tsv__feed.tsv", 5, {"id": "0000", "price": "20.00 USD"}),
        ("csv_utf16/A05_utf16__catalog.csv", 6, {"item_id": "P000", "title": "red ceramic mug 0"}),
        ("csv_blank_rows/A09_blank_rows__catalog.csv", 20, {"item_id": "P000"}),
        ("csv_backslash_quote/A16_backslash_quote__catalog.csv", 4, {"title": 'red ceramic mug 5" wide'}),
        ("csv_long_field/A12_long_field__catalog.csv", 2, {"item_id": "L1"}),
        ("csv_cp1252/A06_cp1252_few__catalog.csv", 40, {"item_id": "P000"}),
        ("csv_cp1252/A06_cp1252_many__catalog.csv", 20, {"item_id": "P000"}),
    ],
)
def test_files_of_public_reports(name: str, count: int, first: dict[str, str]) -> None:
    """Files that other programs could not read have all their rows."""
    rows = values(Csv(CASES / name))
    assert len(rows) == count
    assert first.items() <= rows[0].items()


@pytest.mark.real
@pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not beside this checkout")
def test_accents_of_excel() -> None:
    """Letters, quotes and the euro sign of cp1252."""
    row = values(Csv(CASES / "csv_cp1252/A06_cp1252_few__catalog.csv"))[3]
    assert row["title"] == "café cup yellow plastic chair 3 é"
    assert row["description"] == "Crème brûlée dish – “fine” €"
