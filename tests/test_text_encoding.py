"""Encodings of text files: named, marked, or found from the bytes; what cannot be decoded is named, never guessed."""

import gzip
from pathlib import Path

import pytest

from engine.errors import InvalidCatalogue, InvalidSetting
from indexer.catalog.formats.text_encoding import decode_blocks, detect_encoding, explain_bad_byte, open_text
from indexer.catalog.raw_row import DEFAULT_OPTIONS, SourceOptions
from tests.support.product_titles import TITLES

ENGLISH = "".join(f"Q{number},red ceramic mug {number},{number}.50\n" for number in range(40))


def written(folder: Path, content: str, encoding: str) -> Path:
    path = folder / "c.csv"
    path.write_bytes(content.encode(encoding))
    return path


def text_of(path: Path, options: SourceOptions = DEFAULT_OPTIONS) -> str:
    with open_text(path, options) as text:
        return text.read()


@pytest.mark.parametrize(
    ("language", "encoding"), [(language, name) for language, (names, _) in TITLES.items() for name in names]
)
def test_product_titles_in_every_encoding(tmp_path: Path, language: str, encoding: str) -> None:
    """A few foreign titles among English ones are enough, and what they were read as is reported."""
    titles = [title for title in TITLES[language][1] if title == title.encode(encoding, "ignore").decode(encoding)]
    content = "item_id,title,price\n" + ENGLISH + "".join(f"P{n},{title},1\n" for n, title in enumerate(titles))
    path = written(tmp_path, content, encoding)
    assert text_of(path) == content
    notice = detect_encoding(path).notice
    assert notice == f"not UTF-8: read as {detect_encoding(path).name} (pass --encoding if that is wrong)"


@pytest.mark.parametrize(
    "title",
    [
        "café", "Nestlé™ 12 pack", "dealer’s choice", "“fine” mug – large", "5 € off", "30 °C wash", "jalapeño",
        "naïve", "½ inch", "200×150", "Ø 12 mm", "CAFÉ AU LAIT", "Ångström", "• hand made", "Straße", "100 m²", "AÑO",
        "à la carte",
    ],
)  # fmt: skip
def test_one_accent_in_english_text_is_cp1252(tmp_path: Path, title: str) -> None:
    """The usual file of Excel: one character outside ASCII in the whole catalogue."""
    path = written(tmp_path, f"item_id,title,price\n{ENGLISH}P1,{title},1\n", "cp1252")
    assert detect_encoding(path).name == "cp1252"
    assert title in text_of(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_unicode_with_and_without_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    """The mark is no part of the text; zero bytes in every other place are unmistakable."""
    content = "item_id,title\n1,café 夏 😀\n2,mug\n"
    assert text_of(written(tmp_path, content, encoding)) == content


@pytest.mark.parametrize(("mark", "encoding"), [(b"\xfe\xff", "utf-16-be"), (b"\x00\x00\xfe\xff", "utf-32-be")])
def test_big_endian_byte_order_marks(tmp_path: Path, mark: bytes, encoding: str) -> None:
    """Windows writes the little-endian ones, Java these."""
    (tmp_path / "c.csv").write_bytes(mark + "item_id\n夏\n".encode(encoding))
    assert text_of(tmp_path / "c.csv") == "item_id\n夏\n"


def test_compressed_text(tmp_path: Path) -> None:
    """A gzipped file is decoded like any other."""
    (tmp_path / "c.csv.gz").write_bytes(gzip.compress("item_id\ncafé\n".encode("cp1252")))
    assert text_of(tmp_path / "c.csv.gz") == "item_id\ncafé\n"


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("cp1252", "cp1252"),
        ("Windows-1250", "cp1250"),
        ("latin1", "cp1252"),
        ("sjis", "cp932"),
        ("utf-16", "utf-16-be"),
    ],
)
def test_a_named_encoding_is_used(tmp_path: Path, name: str, encoding: str) -> None:
    """Names that programs use for their supersets mean these; utf-16 finds its byte order."""
    content = "item_id,title\n1,mug\n" + ("2,café\n" if encoding in ("cp1252", "utf-16-be") else "")
    path = written(tmp_path, content, encoding)
    encoding_found = detect_encoding(path, SourceOptions(encoding=name))
    assert (encoding_found.name, encoding_found.notice) == (encoding, "")
    assert text_of(path, SourceOptions(encoding=name)) == content


def test_a_named_encoding_wins_over_the_guess(tmp_path: Path) -> None:
    """Where two encodings make sense of the bytes, the caller decides."""
    path = written(tmp_path, "item_id,title\n1,Kubek Świt\n", "cp1250")
    assert text_of(path, SourceOptions(encoding="cp1250")) == "item_id,title\n1,Kubek Świt\n"


@pytest.mark.parametrize("name", ["ansi", "base64", "rot13", "", "no\0name"])
def test_an_unknown_encoding_is_refused(tmp_path: Path, name: str) -> None:
    """The message names encodings that exist."""
    path = written(tmp_path, "item_id\n1\n", "ascii")
    with pytest.raises(InvalidSetting, match="expected an encoding such as utf-8, utf-16, cp1252, .*, got "):
        detect_encoding(path, SourceOptions(encoding=name))


def test_a_byte_order_mark_contradicts_another_encoding(tmp_path: Path) -> None:
    """cp1252 would make letters of the mark; UTF-8's own is dropped whatever the encoding."""
    path = written(tmp_path, "item_id\n1\n", "utf-16")
    with pytest.raises(InvalidCatalogue, match="expected cp1252, got the byte order mark of utf-16-le"):
        detect_encoding(path, SourceOptions(encoding="cp1252"))
    path.write_bytes(b"\xef\xbb\xbfitem_id\ncaf\xe9\n")
    assert text_of(path, SourceOptions(encoding="cp1252")) == "item_id\ncafé\n"


def test_utf8_with_a_few_bad_bytes_stays_utf8(tmp_path: Path) -> None:
    """One row pasted in from elsewhere does not change the encoding of the others; its byte is named."""
    (tmp_path / "c.csv").write_bytes("1,été\n2,Größe\n".encode() + b"3,caf\xe9\n")
    encoding = detect_encoding(tmp_path / "c.csv")
    assert (encoding.name, encoding.clean) == ("utf-8", False)
    *good, bad = "".join(decode_blocks(tmp_path / "c.csv", encoding)).splitlines()
    assert good == ["1,été", "2,Größe"]
    assert explain_bad_byte(bad, encoding).startswith("not UTF-8: byte 0xe9 at position 6; ")


def test_a_cut_character_of_another_encoding_is_named(tmp_path: Path) -> None:
    """The rest of the file is read; what cannot be decoded is not replaced in silence."""
    (tmp_path / "c.csv").write_bytes("1,赤い表\n2,ソース能\n".encode("cp932") + b"3,\x95\n")
    encoding = detect_encoding(tmp_path / "c.csv")
    assert (encoding.name, encoding.clean) == ("cp932", False)
    lines = text_of(tmp_path / "c.csv").splitlines()
    assert lines[:2] == ["1,赤い表", "2,ソース能"]
    assert explain_bad_byte(lines[2], encoding).startswith("not cp932: byte 0x95 at position 3; ")


def test_bytes_of_no_encoding_are_refused(tmp_path: Path) -> None:
    """The message names the line and the bytes, and encodings to try."""
    noise = bytes(range(0x80, 0x100)) * 3
    (tmp_path / "c.csv").write_bytes(b"item_id,title\n1,mug\n2," + noise + b"\n")
    with pytest.raises(InvalidCatalogue, match=r"expected UTF-8, got the bytes 80 81 82 83 on line 3: .*cp1252"):
        detect_encoding(tmp_path / "c.csv")


def test_characters_across_blocks(tmp_path: Path) -> None:
    """A character may lie on the border of the blocks that a file is read in."""
    for shift in range(4):
        content = "x" * (2**20 - shift) + "夏é\n"
        for encoding in ("utf-8", "utf-16-le", "gb18030"):
            path = written(tmp_path, "a\n" + content, encoding)
            options = SourceOptions(encoding=encoding)
            assert "".join(decode_blocks(path, detect_encoding(path, options))) == "a\n" + content


def test_evidence_far_into_a_file_counts(tmp_path: Path) -> None:
    """The only accent may stand in the last row of a large file."""
    path = tmp_path / "c.csv"
    path.write_bytes(b"item_id,title\n" + b"1,mug\n" * 400_000 + b"2,caf\xe9\n")
    assert detect_encoding(path).name == "cp1252"
    assert text_of(path).endswith("2,café\n")
