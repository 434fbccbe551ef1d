"""Exports of shops become one row a product, with our field names, all its pictures and its variants."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from engine.catalog.column_rule import ColumnType
from engine.errors import InvalidCatalogue, InvalidSetting
from indexer.catalog import CatalogSpec, open_catalogue, read
from indexer.catalog.catalog_reader import open_source
from indexer.catalog.column_scan import scan_columns
from indexer.catalog.feeds.column_names import resolve_columns
from indexer.catalog.feeds.feed_detection import open_feed
from indexer.catalog.feeds.renamed_rows import RenamedRows
from indexer.catalog.product import ReadOptions, Reject
from indexer.catalog.raw_row import SourceOptions
from indexer.progress import no_progress
from tests.support.feed_exports import (
    SHOPIFY,
    SHOPIFY_2024,
    SQUARESPACE,
    WOOCOMMERCE,
    WOOCOMMERCE_FRENCH,
    WOOCOMMERCE_GERMAN,
    to_woocommerce,
    write_header,
    write_objects,
    write_table,
)

CASES = Path(__file__).parents[2] / "shared/cases/feeds"
DATA = Path(__file__).parents[2] / "shared/data"

MUG = {
    "Handle": "red-mug", "Title": "Red Mug", "Body (HTML)": "<p>A mug.</p>", "Vendor": "Acme", "Type": "Mug",
    "Product Category": "Home > Kitchen", "Tags": "red, gift", "Published": "TRUE", "Option1 Name": "Size",
    "Option1 Value": "S", "Variant SKU": "'0012", "Variant Price": "15.00", "Image Src": "red.jpg",
    "Image Position": "1", "Image Alt Text": "front", "Status": "active",
}  # fmt: skip
LARGE = {
    "Handle": "red-mug", "Option1 Value": "L", "Variant SKU": "'0013", "Variant Price": "12.00",
    "Variant Compare At Price": "14.00", "Variant Barcode": "'4006381333931", "Image Src": "side.jpg",
    "Image Position": "3", "Image Alt Text": "side",
}  # fmt: skip
BOX = {"Handle": "red-mug", "Image Src": "box.jpg", "Image Position": "2"}
HAT = {
    "Handle": "hat", "Title": "Hat", "Type": "Hats", "Published": "FALSE", "Option1 Name": "Title",
    "Option1 Value": "Default Title", "Variant SKU": "HA-1", "Variant Price": "9.90", "Image Src": "hat.jpg",
    "Status": "draft",
}  # fmt: skip
TEE = {
    "ID": "10", "Type": "variable", "SKU": "TEE", "Name": "Tee", "Published": "1", "Is featured?": "0",
    "Description": "A tee", "In stock?": "1", "Categories": "Clothing > Tees, Sale", "Tags": "cotton, new",
    "Images": "front.jpg, back.jpg", "Attribute 1 name": "Size", "Attribute 1 value(s)": "S, M",
}  # fmt: skip
TEE_S = {
    "ID": "11", "Type": "variation", "SKU": "TEE-S", "Name": "Tee - S", "Published": "1", "In stock?": "1",
    "Stock": "5", "Regular price": "20.00", "Sale price": "18.00", "Parent": "id:10", "Attribute 1 name": "Size",
    "Attribute 1 value(s)": "S",
}  # fmt: skip
TEE_M = TEE_S | {"ID": "12", "SKU": "TEE-M", "Name": "Tee - M", "In stock?": "0", "Sale price": "", "Parent": "TEE"}
TEE_M |= {"Regular price": "22.50", "Images": "m.jpg", "Attribute 1 value(s)": "M"}
CAP = {
    "ID": "20", "Type": "simple", "SKU": "CAP", "Name": "Cap", "Published": "-1", "In stock?": "1",
    "Short description": "A cap", "Regular price": "12,90", "Categories": "Hats", "Images": "cap.jpg",
}  # fmt: skip


class Opened:
    """The products of a feed under our names by id, what was rejected, and the notices."""

    def __init__(self, path: Path, **options: object) -> None:
        source = open_source(path, SourceOptions())
        feed = open_feed(source, path, **options)
        scan = scan_columns(feed.source, None, no_progress)
        mapping = resolve_columns(list(scan.summaries), feed.requested, scan.sample)
        self.source = RenamedRows(feed.source, mapping.rename, mapping.image_columns)
        rows = list(self.source.rows())
        self.rejects = [row for row in rows if isinstance(row, Reject)]
        self.rows = [row.values for row in rows if not isinstance(row, Reject)]
        self.feed = feed
        self.notices = [*feed.notices, *mapping.notices]

    def __getitem__(self, item_id: str) -> Mapping[str, object]:
        return next(row for row in self.rows if str(row.get("item_id")) == item_id)

    @property
    def ids(self) -> list[object]:
        """The ids in order."""
        return [row.get("item_id") for row in self.rows]


def test_shopify_product_of_several_rows(tmp_path: Path):
    """A handle is one product: the first row's text, all pictures by position, the lowest price, its variants."""
    feed = Opened(write_table(tmp_path / "products.csv", [MUG, LARGE, BOX, HAT], SHOPIFY))
    mug = feed["red-mug"]
    assert feed.ids == ["red-mug", "hat"]
    assert (mug["title"], mug["description"], mug["brand"]) == ("Red Mug", "<p>A mug.</p>", "Acme")
    assert (mug["category"], mug["type"], mug["tags"]) == ("Home > Kitchen", "Mug", ["red", "gift"])
    assert mug["images"] == ["red.jpg", "box.jpg", "side.jpg"]
    assert (mug["price"], mug["compare_at_price"]) == (12.0, 14.0)
    assert mug["variants"] == [
        {"sku": "0012", "price": 15.0, "Size": "S"},
        {"sku": "0013", "price": 12.0, "compare_at_price": 14.0, "barcode": "4006381333931", "Size": "L"},
    ]


def test_shopify_product_without_options(tmp_path: Path):
    """Shopify's placeholder for no options is no option, and a product without category has its type as one."""
    hat = Opened(write_table(tmp_path / "products.csv", [HAT], SHOPIFY))["hat"]
    assert hat["variants"] == [{"sku": "HA-1", "price": 9.9}]
    assert hat["category"] == "Hats"


def test_shopify_drafts_are_counted(tmp_path: Path):
    """Products that the shop does not show are kept with their status, and a notice counts them."""
    feed = Opened(write_table(tmp_path / "products.csv", [MUG, HAT], SHOPIFY))
    assert (feed["hat"]["status"], feed["hat"]["published"]) == ("draft", False)
    assert feed.notices == [
        "products.csv is taken for a Shopify export: the rows of one handle are one product; "
        "use --format plain if it is not",
        "1 of 2 products are drafts, archived or not published; they are included: filter by their status",
    ]


def test_shopify_rows_apart(tmp_path: Path):
    """The rows of a product need not follow one another."""
    feed = Opened(write_table(tmp_path / "products.csv", [MUG, HAT, BOX, LARGE], SHOPIFY))
    assert feed["red-mug"]["images"] == ["red.jpg", "box.jpg", "side.jpg"]
    assert len(feed.rows) == 2


def test_shopify_is_read_twice_alike(tmp_path: Path):
    """A second pass yields the same rows and the same notices."""
    feed = Opened(write_table(tmp_path / "products.csv", [MUG, HAT, LARGE], SHOPIFY))
    assert [row.values for row in feed.source.rows()] == feed.rows
    assert feed.feed.notices == feed.notices


def test_shopify_later_titles_are_kept(tmp_path: Path):
    """What a further row says otherwise of the product is kept with its variant."""
    feed = Opened(write_table(tmp_path / "products.csv", [MUG, LARGE | {"Title": "Red Mug XL"}], SHOPIFY))
    assert feed["red-mug"]["title"] == "Red Mug"
    assert feed["red-mug"]["variants"][1]["title"] == "Red Mug XL"


def test_shopify_row_without_handle(tmp_path: Path):
    """A row without handle stays a row of its own, which the reader rejects for its missing id."""
    feed = Opened(write_table(tmp_path / "products.csv", [MUG, BOX | {"Handle": ""}], SHOPIFY))
    assert feed.ids == ["red-mug", None]


def test_shopify_header_of_2024(tmp_path: Path):
    """Shopify's newer titles mean the same; metafields keep their names."""
    metafield = SHOPIFY_2024[-1]
    rows = [
        {"Title": "Mug", "URL handle": "mug", "Description": "A mug", "Vendor": "Acme", "Option1 name": "Size",
         "Option1 value": "S", "SKU": "M-S", "Price": "9.50", "Product image URL": "a.jpg", metafield: "red"},
        {"URL handle": "mug", "Option1 value": "L", "SKU": "M-L", "Price": "11.50", "Compare-at price": "12.00",
         "Inventory quantity": "3", "Variant image URL": "b.jpg"},
    ]  # fmt: skip
    feed = Opened(write_table(tmp_path / "products.csv", rows, SHOPIFY_2024))
    mug = feed["mug"]
    assert (mug["brand"], mug["price"], mug["images"], mug[metafield]) == ("Acme", 9.5, ["a.jpg", "b.jpg"], "red")
    assert mug["variants"][1] == {
        "sku": "M-L", "price": 11.5, "compare_at_price": 12.0, "inventory_qty": 3, "image": "b.jpg", "Size": "L"
    }  # fmt: skip


def test_shopify_with_another_id(tmp_path: Path):
    """A requested id is the product's, and rows are still joined by handle."""
    path = write_table(tmp_path / "products.csv", [MUG, LARGE, BOX], SHOPIFY)
    feed = Opened(path, requested={"item_id": "Variant SKU"})
    assert feed.ids == ["0012"]
    assert [variant["sku"] for variant in feed["0012"]["variants"]] == ["0012", "0013"]


def test_shopify_objects(tmp_path: Path):
    """The objects of products.json have the same fields as the export."""
    product = {
        "id": 7, "title": "Mug", "handle": "mug", "body_html": "<p>x</p>", "vendor": "Acme", "product_type": "Mugs",
        "tags": ["a"], "options": [{"name": "Size", "position": 1}],
        "variants": [{"id": 1, "option1": "S", "price": "15.00", "sku": "001"},
                     {"id": 2, "option1": "L", "price": "12.50", "sku": "002", "featured_image": {"src": "b.jpg"}}],
        "images": [{"position": 2, "src": "b.jpg"}, {"position": 1, "src": "a.jpg"}],
    }  # fmt: skip
    mug = Opened(write_objects(tmp_path / "products.jsonl", [product]))["7"]
    assert (mug["description"], mug["brand"], mug["category"]) == ("<p>x</p>", "Acme", "Mugs")
    assert (mug["price"], mug["images"]) == (12.5, ["a.jpg", "b.jpg"])
    assert mug["variants"][1] == {"id": 2, "price": 12.5, "sku": "002", "Size": "L", "image": "b.jpg"}


def test_woocommerce_variations(tmp_path: Path):
    """Variations are part of their parent, named by id or SKU, before or after it."""
    feed = Opened(write_table(tmp_path / "products.csv", [TEE_M, TEE, CAP, TEE_S], WOOCOMMERCE))
    tee = feed["TEE"]
    assert sorted(map(str, feed.ids)) == ["CAP", "TEE"]
    assert (tee["title"], tee["price"], tee["sale_price"]) == ("Tee", 20.0, 18.0)
    assert (tee["category"], tee["tags"]) == (["Clothing > Tees", "Sale"], ["cotton", "new"])
    assert tee["images"] == ["front.jpg", "back.jpg", "m.jpg"]
    assert tee["attributes"] == {"Size": ["S", "M"]}
    assert tee["variants"] == [
        {"id": "12", "sku": "TEE-M", "price": 22.5, "in_stock": False, "stock": 5, "published": True,
         "image": "m.jpg", "Size": "M"},
        {"id": "11", "sku": "TEE-S", "price": 20.0, "sale_price": 18.0, "in_stock": True, "stock": 5,
         "published": True, "Size": "S"},
    ]  # fmt: skip


def test_woocommerce_simple_product(tmp_path: Path):
    """A product without description has its short one, and flags are true or false."""
    cap = Opened(write_table(tmp_path / "products.csv", [TEE, CAP], WOOCOMMERCE))["CAP"]
    assert (cap["description"], cap["price"], cap["in_stock"], cap["published"]) == ("A cap", 12.9, True, False)


def test_woocommerce_ids(tmp_path: Path):
    """The id is the SKU if every product has one of its own, else the ID, and a notice says which."""
    feed = Opened(write_table(tmp_path / "products.csv", [TEE, CAP | {"SKU": ""}], WOOCOMMERCE))
    assert feed.ids == ["10", "20"]
    assert "item_id is read from the ID: 1 products have no SKU, 0 share one" in feed.notices
    feed = Opened(write_table(tmp_path / "products.csv", [TEE, CAP], WOOCOMMERCE))
    assert "item_id is read from the SKU" in feed.notices
    feed = Opened(write_table(tmp_path / "products.csv", [TEE, CAP], WOOCOMMERCE), requested={"item_id": "ID"})
    assert feed.ids == ["10", "20"]


def test_woocommerce_without_ids(tmp_path: Path):
    """An import file without IDs has parents by SKU."""
    header = [name for name in WOOCOMMERCE if name != "ID"]
    rows = [{name: value for name, value in row.items() if name != "ID"} for row in (TEE, TEE_M)]
    feed = Opened(write_table(tmp_path / "products.csv", rows, header))
    assert feed.ids == ["TEE"]
    assert len(feed["TEE"]["variants"]) == 1


def test_woocommerce_orphans(tmp_path: Path):
    """A variation whose parent is not in the file is a product of its own, and a notice counts them."""
    feed = Opened(write_table(tmp_path / "products.csv", [TEE_S, CAP], WOOCOMMERCE))
    assert feed["TEE-S"]["title"] == "Tee - S"
    assert "1 variations are products of their own: their parent is not in the file" in feed.notices


@pytest.mark.parametrize("header", [WOOCOMMERCE_GERMAN, WOOCOMMERCE_FRENCH])
def test_woocommerce_translated_titles(tmp_path: Path, header: list[str]):
    """An export of a shop in another language is read the same way."""
    english = Opened(write_table(tmp_path / "english.csv", [TEE, TEE_S, TEE_M, CAP], WOOCOMMERCE))
    rows = to_woocommerce(header, TEE, TEE_S, TEE_M, CAP)
    translated = Opened(write_table(tmp_path / "translated.csv", rows, header))
    for row in english.rows:
        assert translated[str(row["item_id"])] == row


def test_woocommerce_objects(tmp_path: Path):
    """Categories, pictures and attributes of the REST API are names, addresses and an object."""
    product = {
        "id": 1, "name": "Mug", "permalink": "https://x.example/mug", "price": "10", "regular_price": "12",
        "categories": [{"id": 9, "name": "Mugs"}], "images": [{"src": "a.jpg"}, {"src": "b.jpg"}],
        "attributes": [{"name": "Color", "options": ["Red"]}],
    }  # fmt: skip
    mug = Opened(write_objects(tmp_path / "products.jsonl", [product]))["1"]
    assert (mug["title"], mug["category"], mug["price"]) == ("Mug", ["Mugs"], "10")
    assert (mug["images"], mug["attributes"]) == (["a.jpg", "b.jpg"], {"Color": ["Red"]})


def test_google_feed(tmp_path: Path):
    """Google's attributes are our fields, with or without prefix; the own category comes before Google's number."""
    row = {
        "g:id": "0000", "g:title": "Mug", "g:link": "https://x.example", "g:image_link": "https://x.example/0.jpg",
        "g:additional_image_link": "https://x.example/1.jpg,https://x.example/2.jpg", "g:price": "20.00 USD",
        "g:sale_price": "18.00 USD", "g:availability": "in_stock", "g:google_product_category": "674",
        "g:product_type": "Home > Mugs", "g:item_group_id": "G1",
    }  # fmt: skip
    feed = Opened(write_table(tmp_path / "feed.csv", [row, row | {"g:id": "0001", "g:product_type": ""}]))
    mug = feed["0000"]
    assert (mug["title"], mug["category"], mug["price"]) == ("Mug", "Home > Mugs", "20.00 USD")
    assert (mug["sale_price"], mug["item_group_id"]) == ("18.00 USD", "G1")
    assert mug["image"] == "https://x.example/0.jpg"
    assert mug["images"] == ["https://x.example/1.jpg", "https://x.example/2.jpg"]
    assert feed["0001"]["category"] == "674"


def test_google_feed_with_blanks_in_the_header(tmp_path: Path):
    """A feed kept as a spreadsheet writes blanks instead of underscores."""
    path = write_header(
        tmp_path / "feed.csv", "id,title,image link,sale price,availability,link", "1,Mug,a.jpg,5 EUR,in stock,x"
    )
    assert Opened(path)["1"] == {
        "item_id": "1", "title": "Mug", "image": "a.jpg", "price": "5 EUR", "availability": "in stock", "link": "x"
    }  # fmt: skip


def test_amazon_flat_file(tmp_path: Path):
    """Bullet points are a list, and the description of an item that has none."""
    pictures, bullets = "main_image_url,other_image_url1", "bullet_point1,bullet_point2"
    header = f"item_sku,item_name,external_product_id,standard_price,{pictures},{bullets}"
    mug = Opened(write_header(tmp_path / "amazon.csv", header, "M1,Mug,400,9.99,a.jpg,b.jpg,Red.,Large."))["M1"]
    assert (mug["title"], mug["price"], mug["image"], mug["images"]) == ("Mug", "9.99", "a.jpg", "b.jpg")
    assert (mug["bullet_points"], mug["description"]) == (["Red.", "Large."], "Red. Large.")


def test_open_food_facts(tmp_path: Path):
    """The barcode is the id, categories are a list, and nutrients keep their names."""
    header = "code,url,creator,product_name,brands,categories,countries,image_url,energy-kcal_100g"
    row = '0012345678905,https://x.example,me,Oat drink,Oaty,"Plants, Drinks",Sweden,https://x.example/a.jpg,45'
    drink = Opened(write_header(tmp_path / "food.csv", header, row))["0012345678905"]
    assert (drink["title"], drink["brand"], drink["category"]) == ("Oat drink", "Oaty", ["Plants", "Drinks"])
    assert (drink["image"], drink["energy-kcal_100g"]) == ("https://x.example/a.jpg", "45")


def test_squarespace(tmp_path: Path):
    """Rows without product id and title are variants of the product above."""
    rows = [
        {SQUARESPACE[0]: "p1", SQUARESPACE[1]: "v1", "Title": "Mug", "SKU": "M1", "Option Value 1": "S",
         "Price": "9.50", "Hosted Image URLs": "a.jpg b.jpg"},
        {SQUARESPACE[1]: "v2", "SKU": "M2", "Option Value 1": "L", "Price": "11.50"},
        {SQUARESPACE[0]: "p2", SQUARESPACE[1]: "v3", "Title": "Hat", "SKU": "H1", "Price": "5"},
    ]  # fmt: skip
    feed = Opened(write_table(tmp_path / "products.csv", rows, SQUARESPACE))
    assert feed.ids == ["p1", "p2"]
    assert feed["p1"]["images"] == ["a.jpg", "b.jpg"]
    assert [variant["price"] for variant in feed["p1"]["variants"]] == [
        9.5,
        11.5,
    ]


def test_rows_that_continue_a_product(tmp_path: Path):
    """Repeated ids without a title, as in Wix's export, are recognized as further rows of the product."""
    header = "handleId,fieldType,name,productImageUrl,price,productOptionDescription1"
    rows = ("p1,Product,Mug,a.jpg,9.5,S;L", "p1,Variant,,,9.5,S", "p1,Variant,,,11.5,L", "p2,Product,Hat,h.jpg,5,")
    feed = Opened(write_header(tmp_path / "wix.csv", header, *rows))
    assert feed.ids == ["p1", "p2"]
    assert [variant["price"] for variant in feed["p1"]["variants"]] == [9.5, 9.5, 11.5]
    assert "rows of the same handleId are joined to one product" in feed.notices


def test_duplicates_are_not_joined(tmp_path: Path):
    """Rows of one id that each have a title are not joined unasked: the reader rejects the second."""
    feed = Opened(write_header(tmp_path / "rows.csv", "item_id,title", "a,Mug", "a,Cup"))
    assert feed.ids == ["a", "a"]


def test_join_rows(tmp_path: Path):
    """Rows of one value are one product: first values, all pictures, and what differs as variants."""
    rows = ("1,shirt,Shirt,S,10,a.jpg", "2,hat,Hat,,5,h.jpg", "3,shirt,Shirt,L,12,b.jpg", "4,shirt,,,,c.jpg")
    path = write_header(tmp_path / "rows.csv", "sku,group,name,size,price,image", *rows)
    feed = Opened(path, join_rows="Group", requested={"item_id": "sku"})
    shirt = feed["1"]
    assert feed.ids == ["2", "1"]
    assert (shirt["title"], shirt["price"], shirt["images"]) == ("Shirt", "10", ["a.jpg", "b.jpg", "c.jpg"])
    assert shirt["variants"] == [{"size": "S", "price": 10}, {"size": "L", "price": 12}]


def test_join_rows_by_a_field(tmp_path: Path):
    """Rows may be joined by a field, or by the name of its column."""
    path = write_header(tmp_path / "rows.csv", "SKU,Name,Image", "a,Mug,1.jpg", "a,Mug,2.jpg")
    for name in ("item_id", "SKU", "sku"):
        assert Opened(path, join_rows=name)["a"]["images"] == ["1.jpg", "2.jpg"]
    with pytest.raises(InvalidCatalogue, match="no column 'handle' to join rows by"):
        Opened(path, join_rows="handle")


def test_join_keeps_rejected_rows(tmp_path: Path):
    """A broken row is rejected and costs no other."""
    path = write_header(tmp_path / "rows.csv", "item_id,title,image", "a,Mug,1.jpg", "b,x,y,z", "a,,2.jpg")
    feed = Opened(path, join_rows="item_id")
    assert (feed.ids, len(feed.rejects)) == (["a"], 1)


def test_numbered_pictures_are_one_list(tmp_path: Path):
    """Further picture columns are one list, without the empty ones."""
    path = write_header(tmp_path / "etsy.csv", "SKU,TITLE,IMAGE1,IMAGE2,IMAGE3", "a,Mug,1.jpg,,3.jpg")
    assert Opened(path)["a"] == {"item_id": "a", "title": "Mug", "image": "1.jpg", "images": ["3.jpg"]}


def test_late_json_columns(tmp_path: Path):
    """A column that only later rows of a JSON file have is a field as well, and a notice says so."""
    rows = [{"id": number, "name": "Mug"} for number in range(400)] + [{"id": 400, "name": "Mug", "Picture": "a.jpg"}]
    feed = Opened(write_objects(tmp_path / "rows.jsonl", rows))
    assert feed["400"]["image"] == "a.jpg"
    assert "image is read from the column 'Picture'" in feed.notices


def test_plain_reads_no_layout(tmp_path: Path):
    """The plain format takes every row for a product."""
    feed = Opened(write_table(tmp_path / "products.csv", [MUG, HAT], SHOPIFY), name="plain")
    assert feed["red-mug"]["Tags"] == "red, gift"


def test_format_without_its_columns(tmp_path: Path):
    """A format whose columns are missing is refused with what it needs and what came."""
    path = write_header(tmp_path / "rows.csv", "item_id,title", "a,Mug")
    for name in ("shopify", "woocommerce", "google", "amazon", "openfoodfacts", "squarespace"):
        with pytest.raises(InvalidCatalogue, match=r"rows.csv: expected .*, got 'item_id', 'title'"):
            Opened(path, name=name)


def test_unknown_format(tmp_path: Path):
    """An unknown format is refused with the known ones, and a layout cannot be joined again."""
    path = write_header(tmp_path / "rows.csv", "item_id,title", "a,Mug")
    with pytest.raises(InvalidSetting, match="expected a format of auto, plain, shopify, .* got 'ebay'"):
        Opened(path, name="ebay")
    with pytest.raises(InvalidSetting, match="expected either the format 'shopify' or a column to join rows by"):
        Opened(path, name="shopify", join_rows="item_id")


def test_missing_column_names_the_file(tmp_path: Path):
    """The message of a requested column that is missing names the file."""
    path = write_header(tmp_path / "rows.csv", "item_id,Title", "a,Mug")
    with pytest.raises(InvalidCatalogue, match=r"rows.csv: no column 'Titel' for title: did you mean 'Title'\?"):
        Opened(path, requested={"title": "Titel"})


def test_names_of_the_file_still_count(tmp_path: Path):
    """Text templates, signals and types may name the columns of the file, also where a layout has renamed them."""
    path = write_table(tmp_path / "products.csv", [MUG, LARGE, HAT], SHOPIFY)
    spec = CatalogSpec(
        path, "{Title} by {Vendor}", ("Variant Price",), ReadOptions(column_types={"Type": ColumnType.TEXT})
    )
    mug, hat = read(spec)
    assert (mug.text, mug.signals) == ("Red Mug by Acme", {"price": 12.0})
    assert hat.payload["type"] == "Hats"


def test_products_of_an_export(tmp_path: Path):
    """A whole export is read to products with pictures, prices as numbers and their variants."""
    for name in ("red", "side", "box", "hat"):
        (tmp_path / f"{name}.jpg").write_bytes(b"x")
    path = write_table(tmp_path / "products.csv", [MUG, LARGE, BOX, HAT], SHOPIFY)
    mug, hat = read(CatalogSpec(path))
    assert [image.name for image in mug.images] == ["red.jpg", "box.jpg", "side.jpg"]
    assert (mug.payload["price"], mug.payload["tags"], mug.bad_cells) == (12.0, ["red", "gift"], ())
    assert [variant["price"] for variant in mug.payload["variants"]] == [15.0, 12.0]
    assert hat.payload["published"] is False


def test_requested_vectors(tmp_path: Path):
    """Own vectors may come in columns of another name."""
    rows = [{"id": "a", "emb": [1, 2], "Text_Vector": [3, 4]}]
    spec = CatalogSpec(
        write_objects(tmp_path / "rows.jsonl", rows), options=ReadOptions(column_names={"image_vector": "emb"})
    )
    [product] = read(spec)
    assert {block: vector.tolist() for block, vector in product.vectors.items()} == {"image": [1, 2], "text": [3, 4]}


def test_no_id_in_a_file(tmp_path: Path):
    """A file without ids is refused with the columns that could be the id."""
    path = write_header(
        tmp_path / "rows.csv", "name,link,stock", "Mug,https://x.example/1,1", "Mug,https://x.example/2,1"
    )
    with pytest.raises(InvalidCatalogue, match="has no column 'item_id': .*; different in every row: 'link'; name the"):
        open_catalogue(CatalogSpec(path))


@pytest.mark.real
@pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not beside this checkout")
class TestCases:
    """Feeds as shops were reported to have them."""

    @pytest.mark.parametrize(
        ("name", "mug"), [("products_export", "red-mug"), ("renamed", "red-mug"), ("sku_as_id", "0012")]
    )
    def test_shopify_export(self, name: str, mug: str):
        """Every product is one item with all its pictures and prices, also if a few columns were renamed."""
        feed = Opened(CASES / f"shopify_export/F1_shopify/{name}.csv")
        shirt, hat = feed.rows[1:]
        assert feed[mug]["images"] == ["img/red.jpg", "img/yellow.jpg", "img/black.jpg"]
        assert [variant["price"] for variant in feed[mug]["variants"]] == [12.0, 15.0]
        assert [variant["sku"] for variant in feed[mug]["variants"]] == ["0012", "0013"]
        assert (shirt["images"], hat["images"]) == (["img/blue.jpg", "img/purple.jpg"], ["img/green.jpg"])
        assert feed.rejects == []

    def test_shopify_export_joined(self):
        """The rows of the renamed export can be joined by their id."""
        feed = Opened(CASES / "shopify_export/F1_shopify/renamed.csv", join_rows="item_id")
        assert feed.ids == ["red-mug", "blue-shirt", "green-hat"]
        assert [variant["price"] for variant in feed["red-mug"]["variants"]] == [12.0, 15.0]

    def test_column_names_id(self):
        """SKU and Name are the id and the title."""
        feed = Opened(CASES / "column_names_id/A19_id_names__catalog.csv")
        assert feed.ids == [f"P00{number}" for number in range(6)]
        assert feed["P000"] == {
            "item_id": "P000", "title": "red ceramic mug 0", "description": "A fine red ceramic mug",
            "category": "wear", "price": "10.50",
        }  # fmt: skip

    @pytest.mark.parametrize("folder", ["A18b_capital_headers_images", "A18c_capital_image", "A18d_image_link"])
    def test_column_names_title_case(self, folder: str):
        """Capital letters and Google's names do not hide the picture."""
        feed = Opened(CASES / f"column_names_title_case/{folder}/catalog.csv")
        assert [row["image"] for row in feed.rows] == [
            f"img/{colour}.jpg" for colour in ("red", "blue", "green", "yellow", "black", "purple")
        ]
        assert all("title" in row for row in feed.rows)

    def test_google_tsv(self):
        """The attributes of a Google feed are our fields."""
        feed = Opened(CASES / "google_tsv/A03_google_tsv__feed.tsv")
        assert (feed.ids[0], feed["0000"]["price"]) == ("0000", "20.00 USD")
        assert feed["0000"]["image"] == "https://shop.example/0.jpg"
        products = list(read(CatalogSpec(CASES / "google_tsv/A03_google_tsv__feed.tsv")))
        assert [product.payload["price"] for product in products] == [20.0, 21.0, 22.0, 23.0, 24.0]

    @pytest.mark.parametrize(
        ("file", "expected"),
        [
            ("fashion_products/catalog.csv", {}),
            ("grocery_store/catalog.csv", {}),
            ("ikea_furniture/catalog.csv", {}),
            ("online_retail/items.csv", {}),
            ("reviews_en/gift_card_items.jsonl", {}),
            ("electronics_listings/catalog.csv", {"price_inr": "price"}),
            ("icecat_search/catalog.jsonl.gz", {"image_url": "image"}),
            ("complete_journey/products.csv.gz", {"product_id": "item_id", "product_category": "category"}),
        ],
    )
    def test_real_tables(self, file: str, expected: dict[str, str]):
        """Tables with our names are read as they are; of others the columns that mean the same are found."""
        catalogue = open_catalogue(CatalogSpec(DATA / file))
        assert {c.source: c.name for c in catalogue.columns if c.source != c.name} == expected
