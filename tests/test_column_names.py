"""Columns are found by the names that shops give them, and a person can name any of them."""

from pathlib import Path

import pytest

from engine.errors import InvalidCatalogue, InvalidSetting
from indexer.catalog.feeds.column_names import ColumnMapping, resolve_columns

FIELDS = ("item_id", "title", "description", "category", "brand", "price", "image", "images")

HEADERS = [
    ("Etsy", "TITLE;DESCRIPTION;PRICE;QUANTITY;TAGS;IMAGE1;IMAGE2;SKU",
     "SKU TITLE DESCRIPTION - - PRICE IMAGE1 IMAGE2"),
    ("eBay", "*Action;CustomLabel;*Category;*Title;C:Brand;*Description;*StartPrice;PicURL",
     "CustomLabel *Title *Description *Category C:Brand *StartPrice - PicURL"),
    ("PrestaShop", "Product ID;Name *;Categories (x,y,z...);Price tax excluded;Manufacturer;Image URLs (x,y,z...)",
     "Product_ID Name_* - Categories_(x,y,z...) Manufacturer Price_tax_excluded - Image_URLs_(x,y,z...)"),
    ("Magento", "sku;product_type;categories;name;description;price;special_price;base_image;additional_images",
     "sku name description categories - price base_image additional_images"),
    ("BigCommerce", "Product ID;Product Name;Product Type;Brand Name;Price;Category;Product Image ID - 1;"
     "Product Image File - 1;Product Image File - 2", "Product_ID Product_Name - Category Brand_Name Price "
     "Product_Image_File_-_1 Product_Image_File_-_2"),
    ("Wix", "handleId;fieldType;name;description;productImageUrl;collection;sku;price;brand",
     "handleId name description collection brand price productImageUrl -"),
    ("H&M", "article_id;product_code;prod_name;product_type_no;product_type_name;department_name;detail_desc",
     "article_id prod_name detail_desc product_type_name - - - -"),
    ("Myntra", "id;gender;masterCategory;subCategory;baseColour;productDisplayName",
     "id productDisplayName - masterCategory - - - -"),
    ("Amazon India", "product_id;product_name;category;discounted_price;actual_price;about_product;img_link",
     "product_id product_name about_product category - discounted_price img_link -"),
    ("Flipkart", "uniq_id;product_name;product_category_tree;pid;retail_price;discounted_price;image;description;brand",
     "uniq_id product_name description product_category_tree brand discounted_price image -"),
    ("Amazon Berkeley Objects", "item_id;item_name;brand;bullet_point;product_type;main_image_id;other_image_id",
     "item_id item_name bullet_point product_type brand - main_image_id other_image_id"),
    ("supermarket", "product_id;manufacturer_id;department;brand;product_category;product_type;package_size",
     "product_id - - product_category brand - - -"),
    ("Google XML", "g:id;g:title;g:description;g:link;g:image_link;g:price;g:product_type;g:google_product_category",
     "g:id g:title g:description g:product_type - g:price g:image_link -"),
    ("German", "Artikelnummer;Bezeichnung;Langtext;Warengruppe;Hersteller;VK-Preis (EUR);Bild 1;Bild 2",
     "Artikelnummer Bezeichnung Langtext Warengruppe Hersteller VK-Preis_(EUR) Bild_1 Bild_2"),
    ("French", "Référence;Désignation;Descriptif;Catégorie;Marque;Prix TTC;Image principale",
     "Référence Désignation Descriptif Catégorie Marque Prix_TTC Image_principale -"),
    ("Spanish", "Código;Nombre del producto;Descripción;Categoría;Marca;Precio;Imagen",
     "Código Nombre_del_producto Descripción Categoría Marca Precio Imagen -"),
    ("Italian", "Codice articolo;Nome prodotto;Descrizione;Categoria;Marca;Prezzo;Immagine",
     "Codice_articolo Nome_prodotto Descrizione Categoria Marca Prezzo Immagine -"),
    ("Portuguese", "Código do produto;Nome do produto;Descrição;Categoria;Marca;Preço;Imagem",
     "Código_do_produto Nome_do_produto Descrição Categoria Marca Preço Imagem -"),
    ("Dutch", "Artikelnummer;Productnaam;Omschrijving;Categorie;Merk;Prijs;Afbeelding",
     "Artikelnummer Productnaam Omschrijving Categorie Merk Prijs Afbeelding -"),
    ("Polish", "Kod produktu;Nazwa;Opis;Kategoria;Producent;Cena brutto;Zdjęcie 1;Zdjęcie 2",
     "Kod_produktu Nazwa Opis Kategoria Producent Cena_brutto Zdjęcie_1 Zdjęcie_2"),
    ("Swedish", "Artikelnummer;Benämning;Beskrivning;Kategori;Varumärke;Pris;Bild",
     "Artikelnummer Benämning Beskrivning Kategori Varumärke Pris Bild -"),
    ("Chinese", "商品编号;商品名称;商品描述;商品分类;品牌;售价;主图",
     "商品编号 商品名称 商品描述 商品分类 品牌 售价 主图 -"),
    ("Japanese", "商品コード;商品名;商品説明;カテゴリ;ブランド;販売価格;商品画像",
     "商品コード 商品名 商品説明 カテゴリ ブランド 販売価格 商品画像 -"),
]  # fmt: skip


def found(mapping: ColumnMapping, name: str) -> str:
    """Return the columns of a field as one word each, "-" if there is none."""
    columns = [column for column in mapping.columns if mapping.rename.get(column, column) == name]
    return ",".join(column.replace(" ", "_") for column in columns) or "-"


@pytest.mark.parametrize(("shop", "header", "expected"), HEADERS, ids=[header[0] for header in HEADERS])
def test_header_of(shop: str, header: str, expected: str):
    """The columns of well-known exports, and of shops in ten languages, are our fields."""
    mapping = resolve_columns(header.split(";"), {})
    assert " ".join(found(mapping, name) for name in FIELDS) == expected


@pytest.mark.parametrize("title", ["Title", "TITLE", " title ", "\ufefftitle", "g:title", "Ti-tle", "ti_tle"])
def test_own_names_whatever_their_spelling(title: str):
    """Case, blanks, punctuation, a byte order mark and Google's prefix do not matter."""
    assert resolve_columns(["item_id", title], {}).rename == {title: "title"}


def test_our_names_need_no_notice():
    """A file with our names is read as it is, in silence."""
    mapping = resolve_columns(["item_id", "title", "image", "colour"], {})
    assert (mapping.rename, mapping.notices) == ({}, [])


def test_exact_name_wins():
    """A column named as the field is the field; similar ones stay as they are."""
    mapping = resolve_columns(["item_id", "Title", "title", "name"], {})
    assert mapping.rename == {}


def test_mapping_is_told():
    """Every renamed column is named in a notice."""
    mapping = resolve_columns(["SKU", "Name"], {})
    assert mapping.notices == ["item_id is read from the column 'SKU'", "title is read from the column 'Name'"]


def test_one_column_is_one_field():
    """Of two candidates the better is the field, the other keeps its name."""
    mapping = resolve_columns(["id", "sku", "name", "product_name", "regular_price", "sale_price"], {})
    assert mapping.rename == {"id": "item_id", "name": "title", "regular_price": "price"}


def test_sale_price_without_a_better_one():
    """The sale price is the price only if there is no other."""
    assert resolve_columns(["id", "sale_price"], {}).rename["sale_price"] == "price"


@pytest.mark.parametrize("column", ["price_inr", "Price (USD)", "price [EUR]", "Price in GBP", "unit_price_eur"])
def test_price_with_currency(column: str):
    """A currency in the name does not hide a price."""
    assert resolve_columns(["item_id", column], {}).rename == {column: "price"}


def test_price_of_a_list_is_no_better():
    """Of two prices with a currency the one that is paid is the price."""
    assert resolve_columns(["item_id", "list_price_inr", "price_inr"], {}).rename == {"price_inr": "price"}


def test_names_beside_own_vectors():
    """A file with own vectors was written for this engine: but for the id, only our names are fields."""
    mapping = resolve_columns(["sku", "name", "picture_1", "image_vector", "Price"], {})
    assert mapping.rename == {"sku": "item_id", "Price": "price"}


def test_numbered_pictures_in_order():
    """Numbered picture columns are all pictures, in the order of their numbers."""
    columns = ["id", "image_10", "image_2", "image_1"]
    mapping = resolve_columns(columns, {})
    assert mapping.image_columns == ("image_1", "image_2", "image_10")
    assert mapping.rename["image_1"] == "image"


def test_main_picture_first():
    """The main picture comes before the additional and the numbered ones."""
    mapping = resolve_columns(["id", "other_image_url1", "additional_image_link", "main_image"], {})
    assert mapping.image_columns == ("main_image", "additional_image_link", "other_image_url1")


def test_files_before_addresses():
    """Of a column of files and one of addresses the files are the pictures: addresses are not fetched."""
    sample = [{"id": "1", "image_path": "https://x.example/1.jpg", "photo": "1.jpg"}]
    mapping = resolve_columns(["id", "image_path", "photo"], {}, sample)
    assert mapping.image_columns == ("photo",)


def test_empty_column_is_no_field():
    """A column without values leaves the field to one that has some."""
    sample = [{"id": "1", "long_description": "", "short_description": "A mug"}] * 3
    mapping = resolve_columns(["id", "long_description", "short_description"], {}, sample)
    assert mapping.rename["short_description"] == "description"


def test_numbers_are_no_title():
    """A weak name is a title only if its values are words."""
    rows = [{"id": str(number), "label": str(number)} for number in range(4)]
    assert "title" in resolve_columns(["id", "label"], {}, rows).missing
    assert resolve_columns(["id", "label"], {}, [{"id": "1", "label": "red mug"}]).rename["label"] == "title"


def test_kinds_of_a_shop_system_are_no_category():
    """Magento's simple and configurable are not what a shopper calls a category."""
    rows = [{"sku": "1", "product_type": "simple"}, {"sku": "2", "product_type": "configurable"}]
    assert "category" in resolve_columns(["sku", "product_type"], {}, rows).missing


def test_ids_differ():
    """Of two id columns the one whose values differ is the id."""
    rows = [{"product_id": "shirt", "variant_id": str(number), "name": "Shirt"} for number in range(9)]
    assert resolve_columns(["product_id", "variant_id", "name"], {}, rows).rename["variant_id"] == "item_id"


def test_weak_id_must_differ():
    """A code is the id if it differs in every row."""
    rows = [{"code": str(number), "name": "mug"} for number in range(5)]
    assert resolve_columns(["code", "name"], {}, rows).rename["code"] == "item_id"
    assert "item_id" in resolve_columns(["code", "name"], {}, [{"code": "A", "name": "mug"}] * 5).missing


def test_without_id_a_remedy():
    """A file without an id column is refused with its columns, those that could be the id, and the option."""
    rows = [{"name": f"mug {number}", "link": f"https://x.example/{number}", "stock": "1"} for number in range(5)]
    mapping = resolve_columns(["name", "link", "stock"], {}, rows)
    with pytest.raises(InvalidCatalogue) as error:
        mapping.check(Path("mugs.csv"))
    assert str(error.value) == (
        "mugs.csv has no column 'item_id': it has 'name', 'link', 'stock'; different in every row: 'name' and 'link'; "
        "name the column of the ids with --map item_id=COLUMN"
    )


def test_requested_column():
    """A requested column is the field, whatever else could be; its name may be written in another case."""
    mapping = resolve_columns(["sku", "id", "Name", "Short Name"], {"item_id": "sku", "title": "short_name"})
    assert mapping.rename == {"sku": "item_id", "Short Name": "title"}


def test_requested_field_by_another_name():
    """A field may be requested by a name that shops use."""
    assert resolve_columns(["key", "x"], {"SKU": "key", "Name": "x"}).rename == {"key": "item_id", "x": "title"}


def test_displaced_column_is_kept():
    """A column whose own name another one takes keeps its values under a new name, and a notice says so."""
    mapping = resolve_columns(["item_id", "title", "Name"], {"title": "Name"})
    assert mapping.rename == {"Name": "title", "title": "other_title"}
    assert "the column 'title' is kept as 'other_title'" in mapping.notices


def test_unknown_requests():
    """Unknown fields and columns are refused with what is known."""
    with pytest.raises(InvalidSetting, match="expected one of item_id, title, .* got 'colour'"):
        resolve_columns(["item_id"], {"colour": "item_id"})
    with pytest.raises(InvalidCatalogue, match="no column 'Titel' for title: did you mean 'Title'?"):
        resolve_columns(["item_id", "Title"], {"title": "Titel"})
    with pytest.raises(InvalidCatalogue, match="could be any of 'NAME', 'name '"):
        resolve_columns(["item_id", "NAME", "name "], {"title": "Name"})
    with pytest.raises(InvalidSetting, match="expected one field for the column 'a', got item_id and title"):
        resolve_columns(["a"], {"item_id": "a", "title": "a"})


def test_similar_column_is_suggested():
    """A column that may be the price but has no usual name is suggested."""
    notices = resolve_columns(["item_id", "title", "median_unit_price"], {}).notices
    assert notices == [
        "no column is taken for the price; if 'median_unit_price' is it: --map 'price=median_unit_price'"
    ]
