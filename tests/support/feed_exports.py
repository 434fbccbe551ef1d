"""Files as shops export them: Shopify, WooCommerce, Squarespace and Google, with the headers that each writes."""

import csv
import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path


def to_header(line: str) -> list[str]:
    """Return the column names between semicolons."""
    return line.split(";")


SHOPIFY = to_header(
    "Handle;Title;Body (HTML);Vendor;Product Category;Type;Tags;Published;Option1 Name;Option1 Value;Option2 Name;"
    "Option2 Value;Variant SKU;Variant Grams;Variant Inventory Qty;Variant Price;Variant Compare At Price;"
    "Variant Barcode;Image Src;Image Position;Image Alt Text;Variant Image;Status"
)
SHOPIFY_2024 = to_header(
    "Title;URL handle;Description;Vendor;Product category;Type;Tags;Published on online store;Status;SKU;Barcode;"
    "Option1 name;Option1 value;Option1 Linked To;Option2 name;Option2 value;Price;Compare-at price;Cost per item;"
    "Inventory quantity;Weight value (grams);Product image URL;Image position;Image alt text;Variant image URL;"
    "Color (product.metafields.shopify.color-pattern)"
)
WOOCOMMERCE = to_header(
    "ID;Type;SKU;Name;Published;Is featured?;Visibility in catalog;Short description;Description;In stock?;Stock;"
    "Sale price;Regular price;Categories;Tags;Images;Parent;Attribute 1 name;Attribute 1 value(s);"
    "Attribute 1 visible"
)
WOOCOMMERCE_GERMAN = to_header(
    "ID;Typ;Artikelnummer;Name;Veröffentlicht;Ist hervorgehoben?;Sichtbarkeit im Katalog;Kurzbeschreibung;"
    "Beschreibung;Vorrätig?;Lager;Angebotspreis;Regulärer Preis;Kategorien;Schlagwörter;Bilder;"
    "Übergeordnetes Produkt;Attribut 1 Name;Attribut 1 Wert(e);Attribut 1 Sichtbar"
)
WOOCOMMERCE_FRENCH = to_header(
    "ID;Type;UGS;Nom;Publié;Mis en avant ?;Visibilité dans le catalogue;Description courte;Description;En stock ?;"
    "Stock;Tarif promo;Tarif régulier;Catégories;Étiquettes;Images;Parent;Nom de l’attribut 1;"
    "Valeur(s) de l’attribut 1;Attribut 1 visible"
)
SQUARESPACE = to_header(
    "Product ID [Non Editable];Variant ID [Non Editable];Product Type [Non Editable];Product URL;Title;"
    "Description;SKU;Option Name 1;Option Value 1;Price;Sale Price;Stock;Categories;Tags;Visible;"
    "Hosted Image URLs"
)

Row = Mapping[str, object]


def write_table(path: Path, rows: Iterable[Row], header: Sequence[str] = (), delimiter: str = ",") -> Path:
    """Write rows below a header, by default that of the first row; cells that a row lacks are empty."""
    rows = list(rows)
    text = gzip.open if path.suffix == ".gz" else open
    with text(path, "wt", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(header) or list(rows[0]), restval="", delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_header(path: Path, header: str, *rows: str) -> Path:
    """Write a table from lines of text."""
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return path


def write_objects(path: Path, rows: Iterable[Row]) -> Path:
    """Write JSON lines."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def to_woocommerce(header: Sequence[str], *rows: Row) -> list[Row]:
    """Return rows with English titles under those of another language's header."""
    names = dict(zip(WOOCOMMERCE, header, strict=True))
    return [{names[name]: value for name, value in row.items()} for row in rows]
