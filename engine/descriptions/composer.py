"""The embedded writer: sentences put together from facts, in words that vary from one product to the next.

The same product gets the same words. Nothing is said that was not told, so a text is as right as what is known.
"""

import hashlib
import re
from collections.abc import Sequence

from engine.descriptions.details import MOST_FEATURES, Detail, Details, without_repeats
from engine.descriptions.fact_check import BULLET
from engine.descriptions.facts import ACCENT, BRAND, CATEGORY, COLOUR, FOR, MATERIAL, ORIGIN, PATTERN, SERIES, TYPE
from engine.descriptions.grammar import (
    NO_PAIRS,
    PAIRS,
    article,
    capital,
    count_words,
    head_of,
    is_many,
    is_plural,
    listed,
    plural,
)
from engine.descriptions.synonyms import FAMILIES
from engine.descriptions.title_words import WHOM
from engine.descriptions.writer import Brief, Style, WriterOptions

_AUDIENCES = ("A good choice for {}.", "Well suited to {}.", "Chosen with {} in mind.")
_TARGETS = {
    "men": "men",
    "women": "women",
    "boys": "boys",
    "girls": "girls",
    "kids": "children",
    "children": "children",
    "unisex": "men and women",
}
_MULTI = ("multi", "multicolour", "multicolor", "assorted", "assorted colours")
_ODD = re.compile(r"[\d,;/%()]")
_FINISH = re.compile(
    r"(?:plated|galvanised|varnished|anodised|painted|stained|lacquered|oiled|coated|effect|operated)$"
)
_LONGEST_ADJECTIVE = 3
_LONGEST_AUDIENCE = 12
# A purpose says what anybody knows; it is told where little else is.
_ENOUGH_WORDS = 40
_LEAST_BULLETS, _MOST_BULLETS = 4, 6
_LONGEST_BULLET = 16


class Composer:
    """Writes by a grammar. `name` is that of the captioner whose captions it is told."""

    def __init__(self, options: WriterOptions | None = None) -> None:
        self.name = "coca" if options is None else options.name

    def write(self, brief: Brief, faults: Sequence[str] = ()) -> str:
        """Return a text within the brief's words; the same brief gives the same text."""
        draft = _Draft(brief)
        if brief.style is Style.BULLETS:
            return _within([BULLET + line for line in draft.lines()], brief.max_words, "\n") or BULLET + draft.least(1)
        for lead in draft.leads():
            if count_words(lead) <= brief.max_words:
                return _ended(draft.told(lead))
        return _ended(draft.least() + ".")


class _Draft:
    """The phrases for one product."""

    def __init__(self, brief: Brief) -> None:
        self._brief = brief
        facts = brief.facts
        self._number = int.from_bytes(hashlib.sha256(brief.seed.encode()).digest()[:8], "big")
        self._noun = _turned(brief.noun)
        self._many = is_many(self._noun) if self._noun else False
        self._pair = bool(self._noun) and head_of(self._noun).split(" ")[-1].lower() in PAIRS - NO_PAIRS
        self._colours = [
            _small(part)
            for value in facts.values.get(COLOUR, ())
            for part in value.split(",")
            if part.lower() not in ("", "in")
        ]
        self._colours = list(dict.fromkeys(self._colours))
        self._material = _adjective(facts.first(MATERIAL))
        self._pattern = _adjective(facts.first(PATTERN))
        self._brand = brief.title.brand or facts.first(BRAND)
        whom = brief.title.whom or _TARGETS.get(facts.first(FOR).lower(), "")
        self._whom = "" if WHOM.search(self._noun) else whom
        self._details = Details(facts, brief.title, brief.noun, self._many or self._pair, self._number // 13)

    def leads(self) -> list[str]:
        """Return first sentences, the wished one first, then ever shorter ones."""
        found = self._own_leads()
        if not found:
            found = self._named_leads() or self._branded_leads() if self._noun else self._bare_leads()
        first = found[self._number % len(found)] if found else ""
        shorter = (
            [f"{self._these} {_words(self._noun)} {self._comes} in {self._colours[0]}."]
            if (self._noun and self._colours)
            else []
        )
        whole = [capital(f"{self._phrase()}.")] if self._noun else []
        title = [f"{self._brief.facts.title}."] if self._brief.facts.title and not self._noun else []
        choices = [one for one in (first, *sorted(found, key=count_words), *shorter, *whole, *title) if one]
        if self._brief.style is Style.SHORT and choices:
            choices = [f"{choices[0][:-1]}, {whom[0].lower()}{whom[1:]}" for whom in self._for_whom()] + choices
        return choices

    def told(self, lead: str) -> str:
        """Return the lead and what follows it: what is most worth telling is chosen first."""
        if self._brief.style is Style.SHORT:
            return lead
        details = self._details
        groups: list[list[str]] = [
            [one.sentence for one in found]
            for found in (
                [] if self._tells_material else details.material(),
                self._accent(),
                details.features(),
                details.traits(),
                details.fits(),
                details.pack(),
                details.size(),
                details.origin(),
            )
        ]
        facts = [sentence for group in groups for sentence in group if sentence and not _repeats(sentence, lead)]
        if lead in self._sayings():
            # Its own words go on first, and figures come at the end.
            facts, figures = [], facts
        else:
            figures = []
        late = [one.sentence for one in details.occasion() if one.sentence]
        others = [one.sentence for one in details.others()]
        audience = self._for_whom()
        room = self._brief.max_words - count_words(" ".join([lead, *audience]))
        ranked = [*facts, *self._new_sayings(" ".join([lead, *facts])), *figures, *late, *others]
        kept: list[str] = []
        for sentence in ranked:
            if count_words(sentence) <= room:
                kept.append(sentence)
                room -= count_words(sentence)
        text = [lead, *kept]
        # What anybody knows comes last, and only where the shop itself says little.
        spare = [] if self._sayings() else [*details.department(), *details.purpose()]
        for one in spare if self._brief.facts.words else []:
            if count_words(" ".join(text)) < _ENOUGH_WORDS and count_words(one.sentence) <= room:
                text.append(one.sentence)
                room -= count_words(one.sentence)
        if self._number // 5 % 2 and late and late[0] in text:
            # What it is for, or what it has: either may come first.
            text.remove(late[0])
            text.insert(1, late[0])
        return " ".join([*text, *audience])

    def lines(self) -> list[str]:
        """Return the bullets, without their dashes, each of another fact."""
        details, facts = self._details, self._brief.facts
        name = self._brief.title.name
        first = _words(self._phrase(), f"by {self._brand}" if self._brand and not name else "") if self._noun else ""
        if name and first:
            first = f"{name}: {article(first) if not (self._many or self._pair) else first}"
        found = [Detail("what", "", capital(first) if not name else first)] if first else []
        if not found and facts.title:
            found = [Detail("what", "", facts.title)]
        if self._colours and not self._tells_colour:
            found.append(Detail("colour", "", f"Colour: {listed(self._colours)}"))
        if not self._tells_material:
            found += details.material()
        for more in (
            self._accent(),
            details.features(),
            details.traits(),
            details.size(),
            details.fits(),
            details.pack(),
        ):
            found += more
        if self._whom:
            found.append(Detail("whom", "", f"For {self._whom}"))
        found += [*details.occasion(), *details.origin()]
        sayings = [Detail("own", "", saying.rstrip(".")) for saying in self._sayings()]
        found += [one for one in sayings if count_words(one.bullet) <= _LONGEST_BULLET]
        found += details.others()
        if len(found) < _LEAST_BULLETS and facts.words:
            found += details.purpose()
        audience = [Detail("audience", "", sentence.rstrip(".")) for sentence in self._for_whom()]
        found = [*without_repeats(found)[: _MOST_BULLETS - len(audience)], *audience]
        return [one.bullet for one in found] or [capital(facts.first(CATEGORY) or "Item")]

    def least(self, taken: int = 0) -> str:
        """Return the shortest thing to say, within the words allowed whatever they are. taken: words that stand."""
        facts = self._brief.facts
        colour = self._colours[0] if self._colours else ""
        words = _words(colour, self._noun) or facts.title or facts.first(CATEGORY) or "Item"
        return capital(" ".join(words.split()[-max(1, self._brief.max_words - taken) :]))

    def _accent(self) -> list[Detail]:
        """Return the second colour, where no other sentence says it of a part: "it comes with a black base"."""
        accent = self._brief.facts.first(ACCENT).lower()
        names = (accent, *FAMILIES[COLOUR].get(accent, ()))
        others = " ".join([*self._brief.sayings, *self._brief.title.features]).lower()
        said = any(re.search(rf"(?<![\w-]){re.escape(name)}(?!\w)", others) for name in names)
        return [] if said else self._details.accent()

    @property
    def _these(self) -> str:
        return "These" if self._many or self._pair else "This"

    @property
    def _comes(self) -> str:
        return "come" if self._many or self._pair else "comes"

    @property
    def _tells_colour(self) -> bool:
        return len(self._colours) == 1 and self._is_adjective(self._colours[0])

    @property
    def _tells_material(self) -> bool:
        return bool(self._noun) and bool(self._material)

    def _is_adjective(self, colour: str) -> bool:
        return (
            count_words(colour) <= 2
            and colour.islower()
            and not _FINISH.search(colour)
            and colour not in _NO_ADJECTIVES
        )

    def _phrase(self, colour: bool = True) -> str:
        """Return adjectives and noun: red striped ceramic mug."""
        plain = self._pattern == "plain"
        shade = self._colours[0] if colour and self._tells_colour else ""
        noun = self._noun
        if shade and shade in noun.lower().split():
            shade = ""
        return _words(
            "plain" if plain else "",
            shade,
            "" if plain else self._pattern,
            "" if self._material in noun.lower() else self._material,
            noun,
        )

    def _tail(self) -> str:
        """Return what is behind the noun: the colour, where it is none that goes before it."""
        if self._tells_colour or not self._colours:
            return ""
        finishes = [colour for colour in self._colours if _FINISH.search(colour)]
        shades = [colour for colour in self._colours if colour not in finishes]
        shades = ["a natural colour" if shade == "natural" else shade for shade in shades]
        said = [f"in {listed(shades)}"] if shades else []
        said += [f"with {article(listed(finishes))} finish"] if finishes else []
        return " ".join(said)

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
            bare = _words(self._phrase(colour=False))
            if self._colours:
                shades = tail or f"in {self._colours[0]}"
                return [
                    f"The {name} {_words(bare, whom)} {self._comes} {shades}.",
                    f"{name} is {self._one(_words(phrase, tail, whom))}.",
                    f"Meet {name}, {self._one(_words(phrase, tail, whom))}.",
                ]
            return [f"{name} is {self._one(_words(phrase, whom))}.", f"Meet {name}, {self._one(_words(phrase, whom))}."]
        whole = self._one(_words(phrase, tail, whom))
        are = "are" if self._many and not self._pair else "is"
        return [f"The {name} {are} {whole}.", f"Meet the {name}, {whole}.", f"The {name} {are} {whole}."]

    def _one(self, phrase: str) -> str:
        """Return a phrase with what goes before it: a mug, a pair of shoes, markers."""
        if self._pair:
            return f"a pair of {phrase}"
        return phrase if self._many else article(phrase)

    def _branded_leads(self) -> list[str]:
        """Return first sentences for a product that has a kind, and perhaps a maker."""
        brand, phrase, tail = self._brand, self._phrase(), self._tail()
        whom = f"for {self._whom}" if self._whom else ""
        these, this = self._these, self._these.lower()
        if brand:
            return [
                f"{these} {_words(phrase, whom, tail)} {self._comes} from {brand}.",
                f"{brand} makes {this} {_words(phrase, tail, whom)}.",
                f"From {brand} {self._comes} {this} {_words(phrase, tail, whom)}.",
                f"{brand} presents {this} {_words(phrase, tail, whom)}.",
            ]
        if self._tells_colour:
            return [f"{these} {_words(self._phrase(colour=False), whom)} {self._comes} in {self._colours[0]}."]
        if tail:
            return [f"{these} {_words(phrase, whom)} {self._comes} {tail}."]
        if whom:
            return [f"{these} {phrase} {'are' if self._many or self._pair else 'is'} made {whom}."]
        title, are = self._brief.title, "are" if self._many or self._pair else "is"
        if title.fits:
            return [f"{these} {phrase} {are} {'compatible with' if title.compatible else 'made for'} {title.fits}."]
        if title.features:
            return [f"{these} {phrase} {self._comes} with {listed(title.features[:MOST_FEATURES])}."]
        return self._bare_leads() if self._brief.facts.title else [f"{capital(phrase)}."]

    def _bare_leads(self) -> list[str]:
        """Return first sentences for a product of which hardly more is known than its title."""
        facts, title = self._brief.facts, self._brief.title
        name = title.core if self._noun or not title.name else title.name
        name = name or facts.title
        if not name:
            return [f"{capital(one)}." for one in (facts.first(TYPE), facts.first(CATEGORY), "Item") if one][:1]
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
            return [f"The {name} {comes} with {listed(title.features[:MOST_FEATURES])}."]
        if title.fits:
            goes = "compatible with" if title.compatible else "made for"
            return [f"The {name} {'are' if many else 'is'} {goes} {title.fits}."]
        return [f"{name}."]

    def _sayings(self) -> list[str]:
        if not (self._many or self._pair):
            return list(self._brief.sayings)
        return [_IT.sub(lambda found: _THEY[found[1]], saying) for saying in self._brief.sayings]

    def _new_sayings(self, told: str) -> list[str]:
        """Return the sentences of the shop's own that add something to what is told already."""
        known = set(re.findall(r"\w{4,}", told.lower()))
        found = []
        for saying in self._sayings():
            if saying in told:
                continue
            words = set(re.findall(r"\w{4,}", saying.lower()))
            if len(words - known) >= max(1, len(words) / 3) or not words:
                found.append(saying)
                known |= words
        return found

    def _for_whom(self) -> list[str]:
        audience = " ".join(self._brief.audience.split()).strip(" .!,;:")
        audience = re.sub(r"^for ", "", audience, flags=re.IGNORECASE)
        if not audience or count_words(audience) > _LONGEST_AUDIENCE:
            return []
        return [_AUDIENCES[self._number // 11 % len(_AUDIENCES)].format(audience)]


_LITTLE_WORDS = frozenset(
    (
        "it",
        "they",
        "is",
        "are",
        "a",
        "an",
        "the",
        "of",
        "in",
        "its",
        "their",
        "and",
        "comes",
        "come",
        "with",
        "from",
        "holds",
        "weighs",
        "hold",
        "weigh",
        "capacity",
        "weight",
        "size",
        "offers",
        "offer",
        "features",
        "include",
        "made",
        "for",
        "material",
        "origin",
    )
)
_NO_ADJECTIVES = frozenset(
    ("assorted colours", "natural", "pine", "bamboo", "beech", "birch", "oak", "ash", "aluminium")
)


_THEY = {"comes": "They come", "is": "They are", "has": "They have"}
_IT = re.compile(r"^It (comes|is|has)\b")


def spoken_forms(brief: Brief) -> tuple[str, ...]:
    """Return the product's own values as this writer says them, which a check need not compare with the values."""
    title, colours = brief.title, brief.facts.values.get(COLOUR, ())
    shades = [_small(part) for value in colours for part in (value, *value.split(","))]
    said = (title.brand, title.name, title.noun, title.fits, title.core, _turned(brief.noun), "a natural colour")
    return tuple(text for text in (*said, *title.features, *shades) if text)


def _turned(noun: str) -> str:
    """Return a noun as it stands in a sentence: "rug, high pile" is a high pile rug, "vase, set of 2" two vases."""
    noun = re.sub(r"(?<=\w),(?=\w)", " and ", noun)
    noun = re.sub(r"\bt-?shirt", "T-shirt", noun, flags=re.IGNORECASE)
    noun = re.sub(r"\bw/?\s", "with ", noun)
    head, _, rest = noun.partition(", ")
    if not rest:
        return noun
    if re.fullmatch(r"1 pair", rest):
        return head
    if re.fullmatch(r"set of \d+", rest):
        return f"{rest} {plural(head)}"
    return f"{head} with {rest}" if re.search(r"\d", rest) else f"{rest} {head}"


def _ended(text: str) -> str:
    """Return a text without the second dot behind a name that ends with one: "U.S. Polo Assn.."."""
    return re.sub(r"(?<!\.)\.\.(?=\s|$)", ".", text)


def _within(pieces: Sequence[str], max_words: int, between: str) -> str:
    kept: list[str] = []
    for piece in pieces:
        if count_words(" ".join([*kept, piece])) <= max_words:
            kept.append(piece)
    return between.join(kept)


def _repeats(sentence: str, lead: str) -> bool:
    """Return whether a sentence says nothing that the first one does not."""
    listing = re.search(r"\b(?:with|include|offers?) (.+?)(?:,| and |\.)", sentence)
    if listing and listing[1] in lead:
        return True
    words = {word for word in re.findall(r"[\w.]+", sentence.lower().rstrip(".")) if word not in _LITTLE_WORDS}
    return words <= set(re.findall(r"[\w.]+", lead.lower().rstrip(".")))


def _words(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _small(colour: str) -> str:
    colour = " ".join(colour.split())
    low = colour.lower()
    if low in _MULTI:
        return "assorted colours" if low.startswith("assorted") else "multicoloured"
    return low


def _adjective(value: str) -> str:
    """Return a value as a word before a noun, "" if it is none: a list, a share, a thing of many."""
    low = value.lower()
    return "" if _ODD.search(low) or is_plural(low) or count_words(low) > _LONGEST_ADJECTIVE else low
