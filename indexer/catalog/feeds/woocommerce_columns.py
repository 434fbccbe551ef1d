"""The columns of WooCommerce's export, whose titles are translated to the language of the shop."""

import re
from dataclasses import dataclass

from indexer.catalog.feeds.cell_text import to_name
from indexer.catalog.feeds.column_aliases import normalize

_TRANSLATIONS = {
    "type": "Typ, Tipo",
    "sku": "UGS, Artikelnummer, Artikelnummer (SKU)",
    "published": "Veröffentlicht, Publié, Publicado, Pubblicato, Gepubliceerd, Opublikowano",
    "is_featured": "Ist hervorgehoben?, Mis en avant ?, ¿Está destacado?, In primo piano?, Is uitgelicht?, Destacado?",
    "visibility_in_catalog": "Visibility in catalogue, Sichtbarkeit im Katalog, Visibilité dans le catalogue, "
    "Visibilidad en el catálogo, Visibilità nel catalogo, Zichtbaarheid in catalogus, Visibilidade no catálogo",
    "short_description": "Kurzbeschreibung, Description courte, Descripción corta, Breve descrizione, "
    "Korte beschrijving, Descrição curta, Krótki opis",
    "tax_status": "Steuerstatus, État de la TVA, Statut fiscal, Estado del impuesto",
    "tax_class": "Steuerklasse, Classe TVA, Clase de impuesto",
    "in_stock": "Vorrätig?, Auf Lager?, En stock ?, En inventaire?, ¿En inventario?, ¿Existencias?, In magazzino?, "
    "Op voorraad?, Em estoque?, W magazynie?",
    "stock": "Lager, Lagerbestand, Bestand, Inventaire, Inventario, Magazzino, Voorraad, Estoque, Stan magazynowy",
    "low_stock_amount": "Geringe Lagermenge, Montant de stock faible, Cantidad de bajo inventario",
    "backorders_allowed": "Lieferrückstände erlaubt?, Rückstände erlaubt?, "
    "Autoriser les commandes de produits en rupture ?, ¿Permitir reservas de productos agotados?",
    "sold_individually": "Nur einzeln verkaufen?, Vendre individuellement ?, ¿Vendido individualmente?",
    "allow_customer_reviews": "Kundenbewertungen erlauben?, Kundenrezensionen erlauben?, Autoriser les avis clients ?, "
    "¿Permitir valoraciones de clientes?",
    "weight_kg": "Gewicht (kg), Poids (kg), Peso (kg)",
    "length_cm": "Länge (cm), Longueur (cm), Longitud (cm), Lunghezza (cm), Lengte (cm)",
    "width_cm": "Breite (cm), Largeur (cm), Anchura (cm), Larghezza (cm)",
    "height_cm": "Höhe (cm), Hauteur (cm), Altura (cm), Altezza (cm), Hoogte (cm)",
    "sale_price": "Angebotspreis, Tarif promo, Precio rebajado, Prezzo in offerta, Actieprijs, Preço promocional, "
    "Cena promocyjna, Rea-pris",
    "category": "Categories, Kategorien, Catégories, Categorías, Categorie, Categorieën, Categorias, Kategorie",
    "tags": "Schlagwörter, Étiquettes, Etiquetas, Tag, Mots-clés, Znaczniki",
    "shipping_class": "Versandklasse, Classe de livraison, Clase de envío",
    "parent": "Übergeordnetes Produkt, Übergeordnet, Superior, Padre, Genitore, Hoofdproduct, Bovenliggend, Pai, "
    "Principal, Rodzic",
    "grouped_products": "Gruppierte Produkte, Groupes de produits, Productos agrupados",
    "upsells": "Zusatzverkäufe, Produits suggérés, Ventas dirigidas",
    "cross_sells": "Cross-Sells (Querverkäufe), Ventes croisées, Ventas cruzadas",
    "external_url": "Externe URL, URL externe, URL externa",
}
_ENGLISH = {normalize(name): english for english, names in _TRANSLATIONS.items() for name in names.split(", ")}
_ENGLISH |= {normalize(english): english for english in _TRANSLATIONS}

_WORD = "(?:attribute|attributo|attribut|atributo|atrybut)"
_ATTRIBUTE = re.compile(rf"{_WORD}(?P<a>\d+)(?P<b>\D+)|(?P<c>.+?)(?:dell|del|de|do|d)?{_WORD}(?P<d>\d+)")
_NAMES = frozenset({"name", "nom", "nombre", "nome", "naam", "nazwa"})


@dataclass(frozen=True, slots=True)
class AttributeColumn:
    """A column such as "Attribute 1 value(s)"."""

    number: str
    part: str
    """name, values or other."""


def to_english(column: str) -> str:
    """Return the field's English name as our names are written; a column of no translation is written the same way."""
    return _ENGLISH.get(normalize(column), to_name(column))


def find_attribute(column: str) -> AttributeColumn | None:
    """Return the attribute that a column belongs to; None for any other column."""
    match = _ATTRIBUTE.fullmatch(normalize(column))
    if match is None:
        return None
    part = match["b"] or match["c"]
    kind = "name" if part in _NAMES else "values" if part.startswith(("val", "wert", "waarde", "wart")) else "other"
    return AttributeColumn(match["a"] or match["d"], kind)
