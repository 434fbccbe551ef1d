"""A title read for what it says: brand, name, kind of product, features, what it fits, and how many.

Titles of shops are lists more than sentences ("Carlton London Women Maroon Shoes", "USB Cable | 2 m, Black"). Which of
their words are names and which are common is learnt from the other titles of the same shop.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.writing.facts import BRAND, COLOUR, MATERIAL, SEASON, SERIES, TITLE, TYPE, USE, Facts, texts_at
from engine.writing.grammar import PAIRS, head_of, listed, plural, singular
from engine.writing.lexicon import COMMON, NOUNS, PROPER_WORDS, TRAITS
from engine.writing.vocabulary import QUALITIES, Vocabulary

WHOM = re.compile(
    r"\b(men|man|women|woman|ladies|gents|boy|boys|girl|girls|kids?|children|unisex|baby|babies|infants?|juniors?)"
    r"(?:['’]?s)?\b",
    re.IGNORECASE,
)
_WHOM_NAMES = {
    name: said
    for said, names in (
        ("men", ("man", "gents")),
        ("women", ("woman", "ladies")),
        ("boys", ("boy",)),
        ("girls", ("girl",)),
        ("children", ("kid", "kids", "junior", "juniors")),
        ("babies", ("baby", "infant", "infants")),
        ("men and women", ("unisex",)),
    )
    for name in names
}
_SEGMENT = re.compile(r"\s*[|;•/]{1,2}\s+|\s*\|+\s*|\s+[-–—:]+\s+|\s+I\s+|,\s+|\s*[()\[\]]\s*|\s+&&\s+")
_BRACKETED = re.compile(r"\s*\(([^()]*)\)\s*(?=[\w(])")
_SIGNS = re.compile("[®™©]")
_LETTER = re.compile(r"\b(USB|Type)[ -]?C\b", re.IGNORECASE)
_EAR = re.compile(r"\b(in|on|over)[- ](?:the[- ])?ear\b", re.IGNORECASE)
_CUT = re.compile(
    r"\s+(with|w/|compatible (?:with|for)|suitable for|designed for|for)\s+|\s+(compatible|suitable)$", re.IGNORECASE
)
_PROMOTION = re.compile(
    r"\b(whatsapp|query|queries|pls|please|offers?|emi|sale|discount|must|same|match|exactly|buy|free|best|original|"
    r"genuine|shipping|delivery|price|(?:amazon )?brand|bis|certified|made in|call|not)\b|@|[!?₹$€]",
    re.IGNORECASE,
)
_OF_SHOP = re.compile(r"^(?:amazon )?brand$|whatsapp", re.IGNORECASE)
_PACK = re.compile(r"\b(?:(?:pack|set|box|combo)\s+of\s+(\d+)|(\d+)\s*(?:pcs|pieces|-?pack))\b", re.IGNORECASE)
_FITS = re.compile(r"^(?:compatible (?:with|for)|suitable for|designed for|works with|fits)\s+", re.IGNORECASE)
_ENDING = re.compile(r"\s*(?:\.{2,}|…)\s*$")
_AMOUNT = re.compile(
    r"^\d+(?:\.\d+)?(?:[x*×]\d+(?:\.\d+)?)*[\s-]?"
    r"(?:[a-z]{1,3}|inch(?:es)?|watts?|hours?|hrs?|metres?|meters?|pieces?|pcs|ports?|pin|\"|”|%)?$",
    re.IGNORECASE,
)
_CODE = re.compile(r"^(?=.*\d)(?=.*[A-Za-z])[\w./+-]{5,}$")
_TOKEN = re.compile(r"\S+")
_EDGE = " .,;:-–—|/&+*#'\"“”"
_TIDY = (
    (re.compile(r"\b([2-5])g\b"), r"\1G"),
    (re.compile(r"(\d)\s?(?:inches|inch|\"|”|'')(?!\w)", re.IGNORECASE), r"\1-inch"),
    (re.compile(r"(\d)\s?hrs?\b", re.IGNORECASE), r"\1 hours"),
    (re.compile(r"(\d)(mAh|GHz|MHz|GB|TB|MB|W|V|kg|cm|mm|ml|dl|m|l)\b"), r"\1 \2"),
    (re.compile(r"\bupto\b", re.IGNORECASE), "up to"),
    (re.compile(r"\bin[ -]ear\b", re.IGNORECASE), "in-ear"),
    (re.compile(r"\bin[ -]built\b", re.IGNORECASE), "built-in"),
    (re.compile(r"\be\.?g\.?$|\betc\.?$", re.IGNORECASE), ""),
    (re.compile(r"\s+([,.])"), r"\1"),
)
_OF_MATERIAL = frozenset(
    (
        "woven",
        "knitted",
        "pure",
        "soft",
        "solid",
        "real",
        "pressed",
        "light",
        "shiny",
        "brushed",
        "genuine",
        "full",
        "fine",
        "stitched",
        "heavy",
        "raw",
    )
)
_LINKS = frozenset(("and", "or", "with", "in", "of", "a", "an", "the", "plus", "colour", "color"))
_MOST_MORE = 3
_LONGEST_FEATURE, _LONGEST_FIT, _LONGEST_BRAND, _LONGEST_NAME = 9, 10, 4, 5
_LEAST_BRANDS = 3


@dataclass(frozen=True, slots=True)
class TitleReading:
    """What a title says. An empty text means that it does not say.

    brand: who makes it.   name: what this product is called, brand and all.   noun: what it is, with the qualities that
    belong to it ("slim fit shirt"), without colour.   whom: "men and women".   fits: what it goes with.
    head: the noun alone.   compatible: whether it says "compatible" of that.   pack: how many there are.
    traits: adjectives that stand alone ("foldable").   core: the first words, up to what it has or fits.
    """

    brand: str = ""
    name: str = ""
    noun: str = ""
    head: str = ""
    whom: str = ""
    fits: str = ""
    compatible: bool = False
    pack: str = ""
    features: tuple[str, ...] = ()
    traits: tuple[str, ...] = ()
    core: str = ""


class TitleReader:
    """Reads the titles of one catalogue; it never changes, so any number of threads may ask."""

    def __init__(self, payloads: Sequence[Mapping[str, Any]], vocabulary: Vocabulary) -> None:
        """Learn which words are brands, names and common from the titles. Cost: some 20 µs a title."""
        self._vocabulary = vocabulary
        titles = [(payload, title) for payload in payloads if isinstance(title := payload.get(TITLE), str) and title]
        self._starts: Counter[str] = Counter()
        for _, title in titles:
            words = title.split()
            self._starts.update(" ".join(words[:count]) for count in range(1, 1 + min(len(words), _LONGEST_BRAND + 1)))
        brands: dict[str, set[str]] = defaultdict(set)
        lower: set[str] = set()
        behind: Counter[str] = Counter()
        seen: Counter[str] = Counter()
        firsts = {title.split()[0] for _, title in titles}
        field = vocabulary.fields.get(BRAND)
        for payload, title in titles:
            first = title.split()[0]
            by = (texts_at(payload, field) or (first,))[0] if field else first
            before = ""
            for word in title.split()[1:]:
                bare = word.strip(_EDGE + "()")
                brands[bare.lower()].add(by)
                seen[bare.lower()] += 1
                behind[bare.lower()] += before in firsts
                if bare.islower():
                    lower.add(bare)
                before = bare
        self._common = lower | {
            word
            for word, by in brands.items()
            if len(by) >= _LEAST_BRANDS and word.isalpha() and 2 * behind[word] < seen[word]
        }
        self._names = {first for first in firsts if first.lower() not in COMMON} | {
            word.capitalize() for word in seen if 2 * behind[word] >= seen[word] and word not in COMMON
        }
        self._common -= {first.lower() for first in firsts if self._starts[first] > 1 and first.lower() not in COMMON}

    def read(self, facts: Facts) -> TitleReading:
        """Return what the title of a product says beside its fields."""
        title = facts.title
        series, kind = facts.first(SERIES), facts.first(TYPE)
        if series and title.lower() == f"{series} {kind}".lower():
            # A name and a kind, and nothing to find out.
            return TitleReading(facts.first(BRAND), series, small_first(kind), kind, self._whom(title))
        whole = _EAR.sub(r"\1-ear", title)
        whole = _LETTER.sub(r"\1-C", _ENDING.sub("", _SIGNS.sub("", whole)))
        # What stands in brackets within the first words is no end of them.
        inner = _BRACKETED.findall(whole)
        whole = _BRACKETED.sub(" ", whole)
        segments = [part.strip(_EDGE) for part in _SEGMENT.split(whole)]
        segments = [part for one in segments for part in _listed_parts(one) if part]
        cut = _ENDING.search(title) is not None
        lone = cut and len(segments) == 1
        if cut and segments:
            # The last words were cut off, the end of one of them perhaps too.
            last = segments.pop()
            if not segments:
                segments = [" ".join(last.split()[:-1])]
        segments += [part for text in inner for one in _SEGMENT.split(text) for part in _listed_parts(one.strip(_EDGE))]
        segments = [
            part
            for place, part in enumerate(segments)
            if part and not _OF_SHOP.search(part) and (place == 0 or not _PROMOTION.search(part))
        ]
        pack = next((found[1] or found[2] for found in map(_PACK.search, segments) if found), "")
        segments = [part for part in segments if _PACK.sub(" ", part).strip()]
        if not segments:
            return TitleReading()
        brand = facts.first(BRAND) or self._brand(segments[0])
        whom = self._whom(title)
        core, rest = segments[0], segments[1:]
        core, tails = _parts(_PACK.sub(" ", core))
        if lone and tails:
            tails = tails[:-1]
        name, noun, head = self._split(core, brand, facts)
        for place, part in enumerate(rest[:_MOST_MORE] if not (noun or tails) else []):
            base, more = _parts(part)
            _, noun, head = self._split(base, "", facts)
            if noun:
                # What stands before the noun describes it: the name is told already.
                found_at = base.lower().rfind(head.lower())
                noun = self.tidy(base[: found_at + len(head)], loose=True) if found_at >= 0 else noun
                rest, tails, name = [*rest[:place], *rest[place + 1 :]], [*tails, *more], core
                break
        if tails and tails[-1][0] not in ("with", "w/") and rest and not rest[0].lower().startswith("with "):
            # "for bed, sofa and floor": commas part what it is for.
            first = tails[-1][1]
            others: list[str] = []
            while rest and len(others) < _MOST_MORE and not TRAITS.match(rest[0]):
                short = len(rest[0].split()) <= 2 and len(first.split()) <= 2
                if not short and rest[0].split()[0] != first.split()[0]:
                    break
                others.append(rest.pop(0))
            if others:
                joined = re.search(r" (?:and|&) ", others[-1]) is not None
                tails[-1] = (tails[-1][0], ", ".join([first, *others]) if joined else listed([first, *others]))
        traits = [part.lower() for part in rest if TRAITS.match(part)]
        rest = [part for part in rest if not TRAITS.match(part)]
        features: list[str] = []
        fits, compatible = "", False
        for word, text in [*tails, *(("", part) for part in rest)]:
            found = _FITS.match(text)
            extra: list[tuple[str, str]] = []
            if not word:
                if found:
                    word, text = "compatible", text[found.end() :]
                elif text.lower().startswith("for "):
                    word, text = "for", text[4:]
                elif text.lower().startswith("with "):
                    word, text = "with", text[5:]
                else:
                    text, extra = _parts(_PACK.sub(" ", text))
            for kind, piece in [(word, text), *extra]:
                if kind == "for" or kind.startswith(("compatible", "suitable", "designed")):
                    piece = _without_noun(piece, noun or head)
                    piece = "" if piece[:1].isupper() and piece.isalpha() and piece.lower() in COMMON else piece
                    if not fits and piece and len(piece.split()) <= _LONGEST_FIT and not WHOM.fullmatch(piece):
                        plain = len(piece.split()) < 2 or "," in piece or " & " in piece
                        fits = self.tidy(piece, loose=True) if plain else piece.strip(_EDGE)
                        fits, compatible = _strokes(fits.replace(" & ", " and ")), kind.startswith("compatible")
                elif piece.lower() != brand.lower() and self._is_feature(
                    piece, core, noun, alone=kind in ("with", "w/")
                ):
                    features.append(self.tidy(piece, loose=True))
        features = list(dict.fromkeys(feature for feature in features if feature))
        if WHOM.search(fits):
            fits = ""
        return TitleReading(
            brand, name, noun, head, whom, fits, compatible, pack, tuple(features), tuple(dict.fromkeys(traits)), core
        )

    def tidy(self, text: str, loose: bool = False) -> str:
        """Return words of a title as a sentence has them: common words small, units apart, names as they are.

        loose: whether a word counts as common unless it is known to be a name.
        """
        words = []
        for word in text.strip(_EDGE).split():
            bare = word.strip(_EDGE + "()")
            parts = [part for part in re.split(r"[-/]", bare) if part]
            small = bool(parts) and bare not in PROPER_WORDS
            small = small and all(self._is_common(part) or (loose and self._may_be_common(part)) for part in parts)
            words.append(word.lower() if small else word)
        text = " ".join(words)
        for pattern, put in _TIDY:
            text = pattern.sub(put, text)
        return text.strip(_EDGE)

    def _may_be_common(self, word: str) -> bool:
        return word[1:].islower() and word not in self._names and word not in PROPER_WORDS

    def _is_common(self, word: str) -> bool:
        low = word.lower()
        if word in PROPER_WORDS or (word.isupper() and len(word) > 1 and low not in NOUNS):
            return False
        if any(letter.isupper() for letter in word[1:]) and not word.isupper():
            return False
        if len(word) == 1 and word.isupper():
            return False
        known = low in COMMON or low in NOUNS or singular(low) in NOUNS or low in self._common
        return known or any(claim.role in QUALITIES for claim in self._vocabulary.claims(low))

    def _whom(self, title: str) -> str:
        found = list(dict.fromkeys(match[1].lower() for match in WHOM.finditer(title)))
        names = [_WHOM_NAMES.get(name, name) for name in found]
        if "girls" in names or "boys" in names:
            names = [name for name in names if name in ("girls", "boys")]
        elif "children" in names:
            names = ["children"]
        return " and ".join(dict.fromkeys(names))

    def _brand(self, core: str) -> str:
        """Return the words that a title begins with, as those of its maker do, "" if that is not sure."""
        words = core.split()
        whom = WHOM.search(core)
        count = len(core[: whom.start()].split()) if whom else 0
        plain = all(self._is_common(word) for word in words[:count]) or words[count - 1].lower() in (
            "for",
            "with",
            "and",
        )
        if whom and 0 < count <= _LONGEST_BRAND and (not plain or core[: whom.start()].isupper()):
            while count > 1 and any(claim.role in QUALITIES for claim in self._vocabulary.claims(words[count - 1])):
                count -= 1
            return " ".join(words[:count])
        first = words[0]
        if first in PROPER_WORDS:
            return ""
        if self._starts[first] < 2:
            # A word that no other title has is a name where it looks like one.
            looks = any(letter.isupper() for letter in first[1:]) and first.isalpha() and not self._is_common(first)
            return first if looks else ""
        if self._is_common(first) or first.lower() in NOUNS or len(words) == 1:
            return ""
        count = 1
        while count < min(_LONGEST_BRAND, len(words) - 1):
            longer = " ".join(words[: count + 1])
            if self._starts[longer] < 0.8 * self._starts[" ".join(words[:count])] or self._is_common(words[count]):
                break
            if any(letter.isdigit() for letter in words[count]):
                break
            count += 1
        return " ".join(words[:count])

    def _split(self, core: str, brand: str, facts: Facts) -> tuple[str, str, str]:
        """Return the name, the noun with its qualities, and the noun alone, of the first words of a title."""
        series = facts.first(SERIES)
        start = 0
        if series and core.lower().startswith(series.lower()):
            start = len(series)
        elif brand and core.lower().startswith(brand.lower()):
            start = len(brand)
        lead, body = core[:start].strip(), core[start:]
        found = list(_TOKEN.finditer(body))
        tokens = [token[0].strip(",") for token in found]
        end = self._head(tokens, facts, bool(series) and start == len(series))
        if end is None:
            # Beside a kind that a field tells, words of a colour or a material are a description and no name.
            described = TYPE in facts.values and bool(self._told(core, facts) or len(core.split()) > _LONGEST_NAME)
            return "" if described else " ".join(core.split()), "", ""
        first, last = end
        head = " ".join(tokens[first : last + 1])
        told = self._told(body, facts)
        if MATERIAL not in self._vocabulary.fields:
            told = [place for place in told if place[2] != MATERIAL]
        runs: list[list[str]] = [[]]
        for token, place in zip(tokens[:first], found[:first], strict=True):
            role = next((role for begin, stop, role in told if begin < place.end() and place.start() < stop), "")
            if not role and not self._is_told(token, facts):
                runs[-1].append(token)
                continue
            if role == MATERIAL and runs[-1] and runs[-1][-1].lower() in _OF_MATERIAL:
                runs[-1].pop()
            runs.append([])
        names: list[str] = []
        qualities: list[str] = []
        for run in runs:
            cut = len(run)
            while cut and self._may_describe(run[cut - 1]):
                cut -= 1
            # A number without a unit belongs to the name before it: "Superstar 2".
            while 0 < cut < len(run) and run[cut].isdigit():
                cut += 1
            names += run[:cut]
            qualities += run[cut:]
        while qualities and qualities[0].lower() in ("and", "or", "with", "in", "of", "&"):
            qualities = qualities[1:]
        head = _number_form(small_first(head) if self._is_type(head, facts) else self.tidy(head), facts)
        noun = " ".join([self.tidy(" ".join(qualities)), head]).strip()
        name = " ".join([lead, *names]).strip()
        return (name if names or (series and lead) else ""), noun, head

    def _head(self, tokens: list[str], facts: Facts, series: bool) -> tuple[int, int] | None:
        """Return the first and last place of the noun: a word for its type, the last known noun, or the end."""
        nouns = {squeezed(form) for value in facts.values.get(TYPE, ()) for form in type_forms(value)}
        low = [token.lower() for token in tokens]
        for length in range(min(5, len(low)), 0, -1):
            for first in range(len(low) - length, -1, -1):
                if squeezed(" ".join(low[first : first + length])) in nouns:
                    return first, first + length - 1
        if series and tokens:
            return 0, len(tokens) - 1
        # Where a field says the kind, only the last word of a title may say another one.
        reach = 1 if TYPE in facts.values else 4
        for last in range(len(low) - 1, max(-1, len(low) - 1 - reach), -1):
            word = low[last].strip(_EDGE)
            # What follows a noun and is no common word makes a name of it: "Watch SE".
            if any(not self._may_describe(token) and not _CODE.match(token) for token in tokens[last + 1 :]):
                return None
            pair = f"{low[last - 1]} {word}" if last else ""
            for noun, first in ((pair, last - 1), (word, last)):
                if noun and _is_noun(noun) and not (tokens[last].isupper() and last == 0):
                    return first, last
        return None

    def _told(self, body: str, facts: Facts) -> list[tuple[int, int, str]]:
        """Return where a title tells what is known of the product and has its own place in a text: its colour, say."""
        known = {
            role: frozenset().union(*(self._vocabulary.meanings(role, value) for value in facts.values.get(role, ())))
            for role in (*QUALITIES, BRAND)
        }
        return [
            (claim.start, claim.end, claim.role)
            for claim in self._vocabulary.claims(body)
            if claim.role in known and (claim.meanings & known[claim.role] or claim.role in self._vocabulary.fields)
        ]

    def _is_told(self, token: str, facts: Facts) -> bool:
        known = {value.lower() for role in (USE, SEASON) for value in facts.values.get(role, ())}
        return WHOM.fullmatch(token) is not None or token.lower() in known

    def _is_type(self, head: str, facts: Facts) -> bool:
        return any(squeezed(head) in map(squeezed, type_forms(value)) for value in facts.values.get(TYPE, ()))

    def _may_describe(self, token: str) -> bool:
        bare = token.strip(_EDGE)
        if not bare or bare == "&":
            return True
        parts = [part for part in re.split(r"[-/+]", bare) if part]
        return bare in PROPER_WORDS or _AMOUNT.match(bare) is not None or all(self._is_common(part) for part in parts)

    def _is_feature(self, piece: str, core: str, noun: str, alone: bool) -> bool:
        words = [word.strip(_EDGE + "()").lower() for word in piece.split()]
        words = [word for word in words if word]
        if not words or len(words) > _LONGEST_FEATURE or _PROMOTION.search(piece) or len(piece) < 3:
            return False
        single = len(words) == 1 and not (alone and _is_noun(words[0]))
        if single or all(_CODE.match(word) or word.isdigit() for word in words):
            return False
        # Something to read, and not a list of models or a number alone.
        if not re.search(r"[a-z]{3}", piece) or re.search(r"\d/\d+/|,\S", piece) or _AMOUNT.match(piece):
            return False
        said = {form for word in f"{core} {noun}".lower().split() for form in _forms(word.strip(_EDGE))}
        if sum(word in said for word in words) > len(words) / 2:
            return False
        rest = piece.lower()
        if (
            any(claim.role == COLOUR and claim.end == len(piece) for claim in self._vocabulary.claims(piece))
            and len(words) < 4
        ):
            return False
        for claim in reversed([claim for claim in self._vocabulary.claims(piece) if claim.role in QUALITIES]):
            rest = rest[: claim.start] + rest[claim.end :]
        # Colours and the like have sentences of their own.
        return bool(set(re.findall(r"\w+", rest)) - _LINKS - _OF_MATERIAL)


def _parts(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Return what stands before "with" and "for", and what stands behind each."""
    found = list(_CUT.finditer(text))
    found = [match for match in found if match.start() > 0]
    if not found:
        return text.strip(), []
    tails = []
    for match, after in zip(found, [*found[1:], None], strict=True):
        piece = text[match.end() : after.start() if after else len(text)].strip(_EDGE)
        if piece:
            tails.append(((match[1] or match[2]).lower(), piece))
    return text[: found[0].start()].strip(), tails


def _listed_parts(segment: str) -> list[str]:
    """Return the parts of a list between strokes ("16GB/512GB SSD/Win 11"), the segment itself where it is none."""
    parts = [part.strip() for part in segment.split("/")]
    return parts if len(parts) > 2 and len(parts[0].split()) < 3 else [segment]


def _without_noun(piece: str, noun: str) -> str:
    """Return what a thing is for without the thing itself, which titles like to say again: "iPhone 11 screen guard"."""
    words, nouns = piece.split(), {word.lower() for word in noun.split()}
    kept = next((place for place, word in enumerate(words) if word.lower() in nouns and place), len(words))
    return " ".join(words[:kept]).strip(_EDGE) if kept and words[0].lower() not in nouns else ""


def _strokes(text: str) -> str:
    """Return "Galaxy M31 / F41 / M31s" as a list in words."""
    parts = [part.strip() for part in text.split(" / ") if part.strip()]
    return listed(parts) if len(parts) > 1 else text


def type_forms(value: str) -> set[str]:
    """Return how a title may say a type: one or many of it, and its last word alone ("shoe" of casual shoes)."""
    low = value.lower()
    last = head_of(low).split(" ")[-1]
    return {form for word in (low, last) for form in (*_forms(word), word.removesuffix("s"))}


def small_first(phrase: str) -> str:
    """Return a phrase with small letters, but for its abbreviations: "LED wall lamp"."""
    return " ".join(word if word.isupper() and len(word) > 1 else word.lower() for word in phrase.split())


def _is_noun(word: str) -> bool:
    return word in NOUNS or singular(word) in NOUNS or plural(word) in PAIRS


def squeezed(phrase: str) -> str:
    """Return a phrase without what titles write one way or another: T-Shirts and tshirts, sour-cream and sour cream."""
    return re.sub(r"[\W_]+", "", phrase.lower())


def _forms(word: str) -> set[str]:
    return {word, singular(word), plural(singular(word))}


def _number_form(head: str, facts: Facts) -> str:
    """Return the noun in the number that one product is spoken of: kurtas, a type, are one kurta; a shoe is a pair."""
    many = plural(head).split(" ")[-1].lower()
    if many in PAIRS and many != "glasses":
        return plural(head)
    types = {squeezed(form) for value in facts.values.get(TYPE, ()) for form in type_forms(value)}
    return singular(head) if squeezed(head) in types else head
