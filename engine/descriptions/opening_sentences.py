"""Candidates for the first sentence of a description, by what is known of the product."""

import re

from engine.descriptions.details import MOST_FEATURES
from engine.descriptions.facts import CATEGORY, ORIGIN, SERIES, TYPE
from engine.descriptions.grammar import (
    capitalise,
    head_of,
    is_plural,
    join_list_words,
)
from engine.descriptions.product_phrases import ProductPhrases
from engine.descriptions.value_phrases import join_words
from engine.descriptions.writer import Style


class OpeningSentences(ProductPhrases):
    """First sentences from the shop's own text, the product's name, its brand, or its title alone."""

    def _own_leads(self) -> list[str]:
        """Return the first sentence of the shop's own, where it says the product's title and what that is."""
        if self._brief.style is not Style.LONG or self._colours or not self._sayings():
            return []
        first, title = self._sayings()[0], self._brief.facts.title.lower()
        named = title and set(re.findall(r"\w+", title)) <= set(re.findall(r"\w+", first.lower()))
        if self._brief.title.name == self._brief.facts.title:
            named = title in first.lower()
        return [first] if named else []

    def _named_leads(self) -> list[str]:
        """Return first sentences with the product's own name."""
        name = self._brief.title.name
        if not name:
            return []
        title = self._brief.facts.title.lower()
        same = title == f"{name} {self._noun}".lower() or (title == name.lower() and head_of(self._noun) in title)
        if same and " " not in self._phrase() and not (self._brief.facts.first(SERIES) or self._whom or self._colours):
            # "The Medium Fat Milk is a milk" tells nobody anything.
            return self._bare_leads()
        phrase, tail = self._phrase(), self._tail()
        whom = f"for {self._whom}" if self._whom else ""
        series = self._brief.facts.first(SERIES)
        if series and name == series:
            bare = join_words(self._phrase(colour=False))
            if self._colours:
                shades = tail or f"in {self._colours[0]}"
                return [
                    f"The {name} {join_words(bare, whom)} {self._comes} {shades}.",
                    f"{name} is {self._one(join_words(phrase, tail, whom))}.",
                    f"Meet {name}, {self._one(join_words(phrase, tail, whom))}.",
                ]
            return [
                f"{name} is {self._one(join_words(phrase, whom))}.",
                f"Meet {name}, {self._one(join_words(phrase, whom))}.",
            ]
        whole = self._one(join_words(phrase, tail, whom))
        are = "are" if self._many and not self._pair else "is"
        return [f"The {name} {are} {whole}.", f"Meet the {name}, {whole}.", f"The {name} {are} {whole}."]

    def _branded_leads(self) -> list[str]:
        """Return first sentences for a product that has a kind, and perhaps a maker."""
        brand, phrase, tail = self._brand, self._phrase(), self._tail()
        whom = f"for {self._whom}" if self._whom else ""
        these, this = self._these, self._these.lower()
        if brand:
            return [
                f"{these} {join_words(phrase, whom, tail)} {self._comes} from {brand}.",
                f"{brand} makes {this} {join_words(phrase, tail, whom)}.",
                f"From {brand} {self._comes} {this} {join_words(phrase, tail, whom)}.",
                f"{brand} presents {this} {join_words(phrase, tail, whom)}.",
            ]
        if self._tells_colour:
            return [f"{these} {join_words(self._phrase(colour=False), whom)} {self._comes} in {self._colours[0]}."]
        if tail:
            return [f"{these} {join_words(phrase, whom)} {self._comes} {tail}."]
        if whom:
            return [f"{these} {phrase} {'are' if self._many or self._pair else 'is'} made {whom}."]
        title, are = self._brief.title, "are" if self._many or self._pair else "is"
        if title.fits:
            return [f"{these} {phrase} {are} {'compatible with' if title.compatible else 'made for'} {title.fits}."]
        if title.features:
            return [f"{these} {phrase} {self._comes} with {join_list_words(title.features[:MOST_FEATURES])}."]
        return self._bare_leads() if self._brief.facts.title else [f"{capitalise(phrase)}."]

    def _bare_leads(self) -> list[str]:
        """Return first sentences for a product of which hardly more is known than its title."""
        facts, title = self._brief.facts, self._brief.title
        name = title.core if self._noun or not title.name else title.name
        name = name or facts.title
        if not name:
            return [f"{capitalise(one)}." for one in (facts.first(TYPE), facts.first(CATEGORY), "Item") if one][:1]
        many = is_plural(head_of(name)) and not name.isupper()
        comes = "come" if many else "comes"
        tail = self._tail() or (f"in {self._colours[0]}" if self._colours else "")
        if tail:
            return [f"The {name} {comes} {tail}."]
        if facts.first(ORIGIN):
            return [f"Our {name} {comes} from {facts.first(ORIGIN)}."]
        size = self._details.size()
        if size and re.match(r"^(?:Capacity|Weight): ", size[0].bullet):
            return [f"{name} {comes} in a pack of {size[0].bullet.partition(': ')[2]}."]
        if title.features:
            return [f"The {name} {comes} with {join_list_words(title.features[:MOST_FEATURES])}."]
        if title.fits:
            goes = "compatible with" if title.compatible else "made for"
            return [f"The {name} {'are' if many else 'is'} {goes} {title.fits}."]
        return [f"{name}."]
