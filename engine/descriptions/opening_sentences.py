"""Candidates for the first sentence of a description, depending on the available facts."""

import re

from engine.descriptions.details import MAX_FEATURES
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
    """Composes first sentences from the shop's own text, the product's name, its brand, or its title alone."""

    def _own_leads(self) -> list[str]:
        """Return the first sentence of the shop's own description if it mentions the title."""
        if self._brief.style is not Style.LONG or self._colours or not self._own_sentences():
            return []
        first, title = self._own_sentences()[0], self._brief.facts.title.lower()
        named = title and set(re.findall(r"\w+", title)) <= set(re.findall(r"\w+", first.lower()))
        if self._brief.title.name == self._brief.facts.title:
            named = title in first.lower()
        return [first] if named else []

    def _named_leads(self) -> list[str]:
        """Return first sentences that use the product's own name."""
        name = self._brief.title.name
        if not name:
            return []
        title = self._brief.facts.title.lower()
        same = title == f"{name} {self._noun}".lower() or (title == name.lower() and head_of(self._noun) in title)
        if (
            same
            and " " not in self._phrase()
            and not (self._brief.facts.first(SERIES) or self._target_group or self._colours)
        ):
            # "The Medium Fat Milk is a milk" carries no information.
            return self._bare_leads()
        phrase, tail = self._phrase(), self._tail()
        target = f"for {self._target_group}" if self._target_group else ""
        series = self._brief.facts.first(SERIES)
        if series and name == series:
            bare = join_words(self._phrase(colour=False))
            if self._colours:
                shades = tail or f"in {self._colours[0]}"
                return [
                    f"The {name} {join_words(bare, target)} {self._comes} {shades}.",
                    f"{name} is {self._with_article(join_words(phrase, tail, target))}.",
                    f"Meet {name}, {self._with_article(join_words(phrase, tail, target))}.",
                ]
            return [
                f"{name} is {self._with_article(join_words(phrase, target))}.",
                f"Meet {name}, {self._with_article(join_words(phrase, target))}.",
            ]
        whole = self._with_article(join_words(phrase, tail, target))
        are = "are" if self._many and not self._pair else "is"
        return [f"The {name} {are} {whole}.", f"Meet the {name}, {whole}.", f"The {name} {are} {whole}."]

    def _branded_leads(self) -> list[str]:
        """Return first sentences for a product with a type and possibly a brand."""
        brand, phrase, tail = self._brand, self._phrase(), self._tail()
        target = f"for {self._target_group}" if self._target_group else ""
        these, this = self._these, self._these.lower()
        if brand:
            return [
                f"{these} {join_words(phrase, target, tail)} {self._comes} from {brand}.",
                f"{brand} makes {this} {join_words(phrase, tail, target)}.",
                f"From {brand} {self._comes} {this} {join_words(phrase, tail, target)}.",
                f"{brand} presents {this} {join_words(phrase, tail, target)}.",
            ]
        if self._has_colour:
            return [f"{these} {join_words(self._phrase(colour=False), target)} {self._comes} in {self._colours[0]}."]
        if tail:
            return [f"{these} {join_words(phrase, target)} {self._comes} {tail}."]
        if target:
            return [f"{these} {phrase} {'are' if self._many or self._pair else 'is'} made {target}."]
        title, are = self._brief.title, "are" if self._many or self._pair else "is"
        if title.fits:
            return [f"{these} {phrase} {are} {'compatible with' if title.compatible else 'made for'} {title.fits}."]
        if title.features:
            return [f"{these} {phrase} {self._comes} with {join_list_words(title.features[:MAX_FEATURES])}."]
        return self._bare_leads() if self._brief.facts.title else [f"{capitalise(phrase)}."]

    def _bare_leads(self) -> list[str]:
        """Return first sentences for a product with little more than a title."""
        facts, title = self._brief.facts, self._brief.title
        name = title.core if self._noun or not title.name else title.name
        name = name or facts.title
        if not name:
            return [f"{capitalise(text)}." for text in (facts.first(TYPE), facts.first(CATEGORY), "Item") if text][:1]
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
            return [f"The {name} {comes} with {join_list_words(title.features[:MAX_FEATURES])}."]
        if title.fits:
            relation = "compatible with" if title.compatible else "made for"
            return [f"The {name} {'are' if many else 'is'} {relation} {title.fits}."]
        return [f"{name}."]
