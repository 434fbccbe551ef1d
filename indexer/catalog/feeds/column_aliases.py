"""What shops and well-known data sets call the fields of a product, best first.

Names are compared as `normalize` writes them, so that one entry stands for "Product ID", "product_id" and "productId".
"""

import re
import unicodedata

FIELDS = (
    "item_id",
    "title",
    "description",
    "category",
    "brand",
    "price",
    "image",
    "images",
    "image_vector",
    "text_vector",
)
"""The columns with a fixed meaning."""

_PREFIX = re.compile(r"^[\s\ufeff]*(?:[gc]:|\{[^}]*\})", re.IGNORECASE)
_LIST_HINT = re.compile(r"\(x\s*,\s*y\s*,\s*z.*\)")


def normalize(name: str) -> str:
    """Return a column name as lower-case letters and digits, without accents and a prefix `g:` or `c:`."""
    name = _LIST_HINT.sub("", _PREFIX.sub("", name))
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKD", name.casefold())))


def to_names(line: str) -> frozenset[str]:
    """Return column names between commas as normalized names."""
    return frozenset(map(normalize, line.split(",")))


def _ranked(*lines: str) -> dict[str, int]:
    names = (normalize(name) for line in lines for name in line.split(","))
    return {name: rank for rank, name in enumerate(dict.fromkeys(filter(None, names)))}


KNOWN_NAMES = {
    "item_id": _ranked(
        "id, handle id, sku, handle, url handle, product id, item number, item no, asin, asin1, parent asin",
        "article id, article number, article no, item sku, product sku, seller sku, variant sku, merchant sku, sku id",
        "sku code, product code, product number, product no, product ref, product reference, item code, stock code",
        "uniq id, unique id, listing id, offer id, style id, variant id, catalog number, part number, custom label",
        "custom label (sku), goods id, spu id, entity id, object id, pid, prod id",
        "Artikelnummer, Artikel-Nr, Artikelnr, Art-Nr, Artikel-ID, Produktnummer, Produkt-ID, Bestellnummer",
        "référence produit, code article, code produit, identifiant, id produit, id article, UGS, référence article",
        "id producto, código de producto, código de artículo, id del producto, identificador",
        "id prodotto, codice articolo, codice prodotto, id articolo",
        "id produto, id do produto, código do produto",
        "productnummer, artikelcode, productcode",
        "id produktu, kod produktu, numer katalogowy, indeks, produkt id, artnr",
        "商品ID, 商品id, 商品编号, 商品编码, 商品代码, 货号, 编号, 产品编号, 产品ID",
        "商品番号, 商品コード, 品番, 製品番号",
    ),
    "title": _ranked(
        "name, product name, product title, item name, item title, prod name, product display name, display name",
        "title en, name en, full name, listing title, short name, article name, goods name, model name",
        "Produktname, Produkttitel, Artikelname, Artikelbezeichnung, Produktbezeichnung, Bezeichnung, Titel",
        "nom, nom du produit, nom produit, titre, désignation, libellé, libellé produit, intitulé, nom de l'article",
        "nombre, nombre del producto, nombre de producto, nombre producto, título, título del producto, denominación",
        "nome, nome prodotto, nome del prodotto, titolo, denominazione",
        "nome do produto, nome produto, título do produto",
        "naam, productnaam, producttitel, omschrijving kort",
        "nazwa, nazwa produktu, tytuł, nazwa towaru",
        "namn, produktnamn, benämning, artikelnamn",
        "商品名称, 商品名, 商品标题, 产品名称, 标题, 名称, 品名, 商品タイトル, タイトル, 製品名, 名前",
    ),
    "description": _ranked(
        "body (html), body html, body, long description, full description, product description, item description",
        "description long, description html, description en, detailed description, detail desc, detail description",
        "desc, product desc, about product, about this item, short description, description short, overview, summary",
        "product overview, meta description, bullet points, bullet point",
        "Beschreibung, Produktbeschreibung, Artikelbeschreibung, Langbeschreibung, Langtext, Kurzbeschreibung",
        "description longue, description du produit, description produit, descriptif, description courte, résumé",
        "descripción, descripción del producto, descripción larga, descripción corta",
        "descrizione, descrizione prodotto, descrizione lunga, descrizione breve",
        "descrição, descrição do produto, descrição longa",
        "beschrijving, omschrijving, productbeschrijving, productomschrijving",
        "opis, opis produktu, opis długi, długi opis",
        "beskrivning, produktbeskrivning, lång beskrivning",
        "商品描述, 商品详情, 产品描述, 描述, 详情, 简介, 商品説明, 説明, 商品説明文, 詳細, 説明文",
    ),
    "category": _ranked(
        "category name, product category, categories, category path, category full, main category, primary category",
        "master category, category en, item category, product categories, product type name, product type",
        "google product category, product group name, product group, item type, feed product type, department",
        "department name, section, product category tree, category tree, category hierarchy, product class",
        "ebay category 1 name, collection, collections",
        "Kategorie, Kategorien, Produktkategorie, Warengruppe, Produktgruppe, Produkttyp, Artikelgruppe",
        "catégorie, catégories, catégorie de produit, rayon, famille, type de produit",
        "categoría, categorías, categoría del producto, familia, tipo de producto",
        "categoria, categorie, categoria prodotto, reparto, tipo di prodotto",
        "categorias, categoria do produto, departamento, tipo de produto",
        "categorie, categorieën, productcategorie, productgroep, producttype",
        "kategoria, kategorie, kategoria produktu, grupa, typ produktu",
        "kategori, kategorier, produktkategori, produktgrupp, produkttyp, varugrupp",
        "商品分类, 商品类别, 商品类目, 产品类别, 类别, 分类, 类目, 品类, カテゴリ, カテゴリー, 商品カテゴリ, 分類",
    ),
    "brand": _ranked(
        "brand name, vendor, manufacturer, brands, product brand, item brand, manufacturer name, vendor name, maker",
        "designer, label name, supplier",
        "Marke, Hersteller, Markenname, Herstellername, Lieferant",
        "marque, fabricant, marques",
        "marca, fabricante, marcas",
        "produttore, marchio",
        "merk, merknaam, fabrikant, leverancier",
        "marka, producent",
        "varumärke, märke, tillverkare, leverantör",
        "品牌, 品牌名称, 厂商, 制造商, ブランド, ブランド名, メーカー, メーカー名",
    ),
    "price": _ranked(
        "regular price, variant price, current price, selling price, our price, discounted price, discount price",
        "unit price, standard price, base price, price amount, price value, product price, item price, retail price",
        "start price, final price",
        "price tax incl, price tax included, price incl tax, price with tax, price gross, gross price",
        "sale price, special price, offer price, actual price, list price",
        "price tax excl, price tax excluded, net price, mrp, msrp, rrp",
        "Preis, Verkaufspreis, Bruttopreis, Preis brutto, Regulärer Preis, VK-Preis, Einzelpreis, Nettopreis",
        "prix, prix de vente, prix ttc, prix de vente ttc, tarif régulier, tarif, prix unitaire, prix ht",
        "precio, precio de venta, precio normal, pvp, precio unitario",
        "prezzo, prezzo di vendita, prezzo di listino, prezzo unitario",
        "preço, preço de venda, preço normal, preço unitário",
        "prijs, verkoopprijs, reguliere prijs, adviesprijs",
        "cena, cena brutto, cena sprzedaży, cena regularna, cena netto",
        "pris, försäljningspris, ordinarie pris",
        "价格, 售价, 单价, 销售价, 商品价格, 现价, 原价, 価格, 販売価格, 単価, 値段, 税込価格",
    ),
    "image": _ranked(
        "image path, image file, image filename, image file name, image name, image, image link, image url, image src",
        "img, img path, img file, img url, img link, img src, main image, main image url, main image link",
        "primary image, primary image url, base image, featured image, featured image url, default image, hero image",
        "product image, product image url, product image file, product img, picture, picture url, photo, photo url",
        "picture path, photo path, image href, image location, cover image, cover image url, front image",
        "image front url, large image, large image url, high res image, thumbnail, thumbnail url, thumbnail image",
        "thumb, small image, small image url, image small url, main image id",
        "Bild, Bild-URL, Bilddatei, Bildpfad, Bildlink, Hauptbild, Produktbild, Artikelbild",
        "image principale, url image, photo produit, lien image",
        "imagen, imagen principal, url imagen, foto",
        "immagine, immagine principale, url immagine",
        "imagem, imagem principal, url da imagem",
        "afbeelding, hoofdafbeelding, afbeelding url, productafbeelding",
        "zdjęcie, obraz, obrazek, zdjęcie główne",
        "huvudbild, produktbild",
        "图片, 主图, 图片链接, 图片地址, 商品图片, 图片路径, 画像, 画像URL, 商品画像, メイン画像, 画像パス",
    ),
    "images": _ranked(
        "image list, image paths, image files, image urls, image links, additional image link, additional image links",
        "additional images, additional image, additional image urls, additional image url, additional imagelink",
        "other images, other image, other image url, other image urls, other image id, alternate images",
        "more images, extra images, gallery, gallery images, image gallery, media gallery, product images",
        "product image urls, hosted image urls, photos, photo urls, pictures, picture urls, picurl, pic url",
        "picture list, back image, side image, hover image",
        "Bilder, Bild-URLs, weitere Bilder, Zusatzbilder, Bildergalerie, Produktbilder",
        "galerie, images supplémentaires, urls images",
        "imágenes, galería, imágenes adicionales",
        "immagini, galleria, immagini aggiuntive",
        "imagens, galeria, imagens adicionais",
        "afbeeldingen, extra afbeeldingen, galerij",
        "zdjęcia, obrazy, galeria zdjęć",
        "bildgalleri, ytterligare bilder",
        "图片列表, 附图, 商品图集, 细节图, 画像一覧, サブ画像, 追加画像",
    ),
}
"""For each field its other names, by rank."""

WEAK_NAMES = {
    "item_id": _ranked(
        "code, reference, ref, uuid, guid, uid, key, slug, ean, ean13, gtin, gtin13, upc, barcode, isbn, jan, model",
        "model number, mpn, Referenz, référence, réf, referencia, codice, código, riferimento, referência, kod, symbol",
        "条码, JANコード",
    ),
    "title": _ranked(
        "product, item, article, label, caption, heading, headline, model, subject",
        "Artikel, Produkt, produit, producto, artículo, prodotto, articolo, produto, produkt, 商品, 产品, 製品",
    ),
    "description": _ranked("details, text, content, about, features, information, specifications, notes"),
    "image": _ranked("file name, filename, file, file path, path"),
    "category": _ranked("type, class, group, style, Typ, Gruppe, tipo, groupe, classe"),
}
"""Names that mean something else as often as not; they are used only if no other column fits."""

CURRENCY = re.compile(
    "usd|eur|gbp|inr|jpy|cny|rmb|chf|sek|nok|dkk|isk|pln|czk|huf|ron|bgn|uah|rub|try|ils|aud|nzd|cad|mxn|brl|clp|cop|"
    "ars|pen|krw|hkd|twd|sgd|myr|thb|idr|php|vnd|pkr|bdt|lkr|aed|sar|zar|ngn|kes|egp|mad|rs|euros?|dollars?"
)
"""A word beside a price's name, as in price_inr."""
