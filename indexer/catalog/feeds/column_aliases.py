"""What shops call the columns of a catalogue, the likeliest name first, compared without case, blanks and signs."""

_IDS = """item_id id sku product_id productid item_no item_number article_id article_number articleid asin uniq_id
unique_id product_code item_code code handle ref reference artikelnummer artikelnr art_nr artikel_id produkt_id
référence referenz id_producto codigo código codice id_prodotto kod productnummer artikelnummer 商品id 商品番号
商品コード 商品编号 货号 variant_sku custom_label_sku custom_label gtin ean upc barcode isbn"""
_TITLES = """title name product_name product_title item_name item_title prod_name product_display_name
productdisplayname display_name short_title label heading bezeichnung produktname artikelbezeichnung titel name_de
produktbezeichnung nom nom_du_produit titre désignation designation nombre título titulo nombre_del_producto nome
nome_prodotto titolo nome_do_produto naam productnaam nazwa nazwa_produktu namn produktnamn 商品名 商品名称 名称
产品名称 标题 タイトル"""
_DESCRIPTIONS = """description body_html body long_description product_description item_description detail_desc
full_description details about_product short_description summary overview desc beschreibung produktbeschreibung
artikelbeschreibung langtext description_longue descripción descripcion descrizione descrição descricao
omschrijving beschrijving opis beskrivning 説明 商品説明 描述 商品描述 产品描述"""
_CATEGORIES = """category product_type product_category categories category_name item_type google_product_category
product_type_name master_category mastercategory main_category department class_name category_path breadcrumbs
taxonomy type kategorie warengruppe produktkategorie catégorie categorie categoría categoria kategoria kategori
分类 类别 カテゴリ カテゴリー"""
_BRANDS = """brand vendor manufacturer brands brand_name manufacturer_name maker marke hersteller marque fabricant
marca fabricante merk fabrikant marka producent märke varumärke 品牌 ブランド メーカー"""
_PRICES = """price regular_price variant_price current_price selling_price unit_price list_price
price_eur sale_price discounted_price actual_price retail_price original_price start_price price_amount
amount msrp preis verkaufspreis einzelpreis prix prix_ttc precio prezzo preço preco prijs cena pris 価格 价格 售价"""
_IMAGES = """image image_link image_url image_src image_path image_file images image_urls image_links main_image
base_image primary_image featured_image main_image_url picture pictures picture_url pic_url img img_url img_link
img_src imgurl photo photos photo_url thumbnail thumbnail_url filename file_name image_urls_x_y_z bild bilder
bild_url bildlink foto imagen imagenes immagine imagem afbeelding zdjęcie zdjecie bilder_url 画像 画像url 图片
图片链接 主图"""
_MORE_IMAGES = """images additional_image_link additional_image_links additional_images gallery gallery_images
other_images more_images product_images extra_images image_2"""

FIELDS = ("item_id", "title", "description", "category", "brand", "price", "image", "images")
"""The fields with a fixed meaning that a column can hold."""

WEAK = frozenset({"type", "code", "ref", "reference", "body", "amount", "label", "details", "class_name", "department"})
"""Names that mean a field only where no better one is there."""


def fold(name: str) -> str:
    """Return a column's name without case, signs, and a namespace such as `g:`."""
    name = name.strip().casefold().removeprefix("g:")
    return "".join(letter for letter in name if letter.isalnum())


ALIASES: dict[str, dict[str, int]] = {
    field: {fold(alias): rank for rank, alias in reversed(list(enumerate(names.split())))}
    for field, names in {
        "item_id": _IDS,
        "title": _TITLES,
        "description": _DESCRIPTIONS,
        "category": _CATEGORIES,
        "brand": _BRANDS,
        "price": _PRICES,
        "image": _IMAGES,
        "images": _MORE_IMAGES,
    }.items()
}
"""The rank of each folded name, by field; 0 is the likeliest."""
