"""Catalogues as shops really have them, each with its right value; the inputs lie beside the repository."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.errors import InvalidCatalogue, InvalidQuery
from engine.filters import bind, parse
from indexer.catalog import CatalogSpec, Catalogue, Product, Reject, open_catalogue
from tests.support.columns import columns_of

CASES = Path(__file__).parents[2] / "shared/cases/feeds"

pytestmark = [pytest.mark.real, pytest.mark.skipif(not CASES.exists(), reason="the inputs are not there")]


class Case:
    """A catalogue of the cases, read."""

    def __init__(self, name: str, **spec: Any) -> None:
        self.catalogue: Catalogue = open_catalogue(CatalogSpec(CASES / name, **spec))
        entries = list(self.catalogue.products())
        self.products = {entry.item_id: entry for entry in entries if isinstance(entry, Product)}
        self.rejects = [entry for entry in entries if isinstance(entry, Reject)]

    def values(self, column: str) -> list[Any]:
        """Return a field of every product, None where absent."""
        return [product.payload.get(column) for product in self.products.values()]

    def find(self, text: str) -> list[str]:
        """Return the ids of the products that pass a filter."""
        predicate = bind(parse(text), columns_of([product.payload for product in self.products.values()]))
        return [item_id for item_id, product in self.products.items() if predicate.matches(product.payload)]


@pytest.mark.parametrize("name", ["A01_semicolon", "A02_tab_named_csv", "A04_pipe", "A14_sep_line", "A14_sep_comma"])
def test_delimiters(name: str) -> None:
    case = Case(f"csv_delimiters/{name}__catalog.csv")
    assert case.values("price")[0] == 10.5
    assert (len(case.products), case.rejects) == (len(case.values("title")), [])


def test_google_tsv() -> None:
    case = Case("google_tsv/A03_google_tsv__feed.tsv")
    assert list(case.products) == ["0000", "0001", "0002", "0003", "0004"]
    assert case.values("price") == [20.0, 21.0, 22.0, 23.0, 24.0]
    assert set(case.values("price_currency")) == {"USD"}


@pytest.mark.parametrize(("name", "count"), [("A06_cp1252_few", 40), ("A06_cp1252_many", 20)])
def test_cp1252(name: str, count: int) -> None:
    case = Case(f"csv_cp1252/{name}__catalog.csv")
    assert (len(case.products), case.rejects) == (count, [])
    assert case.products["P003"].payload["title"] == "café cup yellow plastic chair 3 é"


def test_utf16() -> None:
    assert len(Case("csv_utf16/A05_utf16__catalog.csv").products) == 6


def test_blank_rows() -> None:
    case = Case("csv_blank_rows/A09_blank_rows__catalog.csv")
    assert (len(case.products), case.rejects) == (20, [])


def test_backslash_quotes() -> None:
    case = Case("csv_backslash_quote/A16_backslash_quote__catalog.csv")
    assert case.values("title")[0] == 'red ceramic mug 5" wide'


def test_long_fields() -> None:
    assert len(Case("csv_long_field/A12_long_field__catalog.csv").products) == 2


def test_column_names() -> None:
    case = Case("column_names_id/A19_id_names__catalog.csv")
    assert list(case.products) == [f"P00{number}" for number in range(6)]
    assert case.values("price")[0] == 10.5
    for name in ("A18b_capital_headers_images", "A18c_capital_image", "A18d_image_link"):
        case = Case(f"column_names_title_case/{name}/catalog.csv")
        assert [len(product.images) for product in case.products.values()] == [1] * 6
        assert case.values("title")[0] == "red box"
    assert Case("column_names_title_case/A18b_capital_headers_images/catalog.csv").values("price") == [
        5,
        6,
        7,
        8,
        9,
        10,
    ]


def test_prices() -> None:
    case = Case("price_forms/B01_prices__catalog.csv")
    expected = {
        "R00": 1299, "R01": 1299, "R02": 12, "R03": 12, "R04": 12.99, "R05": 1299, "R06": 1299, "R07": 12.5,
        "R08": 12.5, "R09": 1299, "R10": 1299, "R11": 1299, "R12": 1299.9, "R13": 129999, "R14": 1299, "R15": 499,
        "R16": 1299, "R17": 12.99, "R18": 10, "R20": 499, "R21": 499, "R22": 1200, "R23": 1200, "R24": 1200, "R29": 0,
        "R32": 12, "R33": 1299, "R34": 1299000, "R35": 49.99,
    }  # fmt: skip
    assert len(case.products) == 39
    assert {item_id: case.products[item_id].payload["price"] for item_id in expected} == expected
    assert "price" not in case.products["R25"].payload
    assert case.products["R31"].bad_cells[0].column == "price"
    assert case.products["R06"].payload["price_currency"] == "EUR"


def test_numbers_written_as_text() -> None:
    assert Case("numbers_as_text_filter/B02_na_rating_one__catalog.csv").find("rating > 4") == ["N22", "N23", "N24"]
    counts = Case("numbers_as_text_filter/B06_thousands_signal__catalog.csv")
    assert counts.find("review_count > 1000") == [f"V{number:02}" for number in range(8, 25)]
    assert Case("numbers_as_text_filter/B05_string_numbers__catalog.jsonl").find("stock > 20") == ["S2", "S3"]
    assert Case("numbers_as_text_filter/B01_other_price_cols__catalog.csv").find("sale_price < 12") == ["S0", "S1"]


def test_signals() -> None:
    case = Case("signal_bad_value/B02_na_rating_one__catalog.csv", signals=("rating",))
    assert len(case.products) == 25
    assert case.products["N07"].signals["rating"] != case.products["N07"].signals["rating"]
    case = Case("signal_bad_value/B06_thousands_signal__catalog.csv", signals=("review_count",))
    assert case.products["V08"].signals["review_count"] == 1040


def test_booleans() -> None:
    case = Case("booleans_yes_no/B04_bools__catalog.csv")
    for column in ("in_stock", "featured", "Published"):
        assert case.find(f"{column} = true") == ["Y1", "Y3", "Y5"]


def test_big_integers() -> None:
    case = Case("big_integers/B08_bigints__catalog.csv")
    assert case.find("variant_id = 61749429862703105") == ["I0"]
    assert len(set(case.values("variant_id"))) == 4
    assert case.values("sku")[0] == "90.700"
    parquet = Case("big_integers/D10_bigint_payload__catalog.parquet")
    assert len(set(parquet.values("product_id"))) == len(parquet.products)


def test_html() -> None:
    case = Case("html_descriptions/B10_html__catalog.csv")
    expected = "red ceramic mug. A sturdy mug for café lovers & friends. Dishwasher safe 350 ml"
    assert case.products["H1"].text == expected
    assert case.products["H6"].text == "green wool scarf. Size < 40 and > 30 & nice"
    assert case.products["H5"].text == ""
    assert case.products["H1"].payload["description"].startswith("<p>")


def test_languages() -> None:
    name = "language_tagged/B12_abo__listings_0.json.gz"
    first = next(iter(Case(name).products.values()))
    assert first.text == "red ceramic mug, Schöner Becher. A fine red ceramic mug"


def test_price_objects() -> None:
    for name in ("B13_price_list", "B13_price_object"):
        assert Case(f"price_object/{name}__catalog.jsonl").values("price") == [12, 13, 14, 15]


def test_json_layouts() -> None:
    for path in sorted((CASES / "json_unreadable_rows").glob("C*")):
        case = Case(f"json_unreadable_rows/{path.name}")
        assert (len(case.products), case.rejects) == (4, []), path.name
    commas = Case("json_unreadable_rows/C04_trailing_commas__catalog.jsonl").catalogue.notices
    assert any("bad JSON at position" in sentence for sentence in commas)
    assert any("UTF-16" in notice for notice in Case("json_unreadable_rows/C07_utf16__catalog.jsonl").catalogue.notices)


def parquet_files() -> Iterator[str]:
    for folder in ("parquet_dates_crash", "parquet_binary_strings"):
        yield from (f"{folder}/{path.name}" for path in sorted((CASES / folder).glob("*.parquet")))


@pytest.mark.parametrize("name", list(parquet_files()))
def test_parquet(name: str) -> None:
    case = Case(name)
    assert case.products
    assert case.rejects == []
    assert all(case.values("title"))


def test_parquet_folder() -> None:
    assert len(Case("parquet_folder/D05_dir").products) == 5


def test_image_cells() -> None:
    case = Case("image_cells/E3_image_column/catalog.csv")
    count = {item_id: len(product.images) for item_id, product in case.products.items()}
    two = {"comma_list", "semi_list", "json_list", "py_list", "pipe_in_image"}
    one = {
        "ok", "dot", "spaces", "space_pct", "pct_encoded", "file_uri", "data_uri", "base64", "backslash", "case", "nfc",
        "comma_name", "cwd_rel", "slash_lead", "noext",
    }  # fmt: skip
    assert {item_id for item_id, number in count.items() if number == 2} == two
    assert one <= {item_id for item_id, number in count.items() if number == 1}
    assert count["nan"] == count["na"] == count["none"] == count["dash"] == 0
    assert not case.products["nan"].bad_cells
    (missing,) = case.products["missing"].bad_cells
    assert "image not found: 'img/gone.jpg' (looked in" in missing.reason


def test_missing_pictures() -> None:
    assert len(Case("missing_pictures/E4_missing_pictures__catalog.csv").products) == 40


def test_a_folder_with_a_table() -> None:
    with pytest.raises(InvalidCatalogue, match=r"products\.csv: pass that file"):
        Case("folder_with_products_csv/E6_folder_with_table")


def test_shopify() -> None:
    case = Case("shopify_export/F1_shopify/products_export.csv")
    pictures = {item_id: len(product.images) for item_id, product in case.products.items()}
    assert pictures == {"red-mug": 3, "blue-shirt": 2, "green-hat": 1}
    variants: Any = case.products["red-mug"].payload["variants"]
    assert [variant["price"] for variant in variants] == [12, 15]
    assert case.rejects == []


def test_a_number_asked_of_texts() -> None:
    """Refused with examples of the values, until the column is one of numbers."""
    case = Case("booleans_yes_no/B04_bools__catalog.csv")
    with pytest.raises(InvalidQuery, match='its values are texts such as "'):
        case.find("title > 4")
    with pytest.raises(InvalidQuery, match="title is text|expected text for title"):
        case.find("title = true")
