"""Reviews of the demo items: stars that follow the item's rating, and texts that agree with the stars.

A text praises or criticises aspects (fit, quality, delivery ...). They are written next to it, as the ground truth for
digests of reviews.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from indexer.sample.sample_item import SampleItem

PRAISE: dict[str, tuple[str, ...]] = {
    "quality": (
        "The quality is excellent.",
        "Very well made, every detail is neat.",
        "Feels solid and finely finished.",
        "You can see the good workmanship.",
    ),
    "delivery": (
        "Delivery was fast.",
        "It arrived a day early.",
        "Shipped quickly, no trouble at all.",
        "The parcel came on time.",
    ),
    "price": (
        "Great value for the money.",
        "A fair price for what you get.",
        "Cheaper than elsewhere and just as good.",
        "Worth every cent.",
    ),
    "color": (
        "The {color} is even nicer than in the picture.",
        "Lovely {color}, exactly as shown.",
        "The colour is rich and true to the photo.",
        "I get compliments for the {color} every day.",
    ),
    "packaging": (
        "Carefully packed.",
        "The packaging was neat and without plastic.",
        "Came in a beautiful gift box.",
        "Well protected in the box.",
    ),
    "durability": (
        "Still looks like new after months.",
        "It has survived daily use without a scratch.",
        "Very sturdy, this will last for years.",
        "Took a fall and nothing happened.",
    ),
    "comfort": (
        "Wonderfully comfortable.",
        "So comfortable that I forget about it.",
        "Comfortable for hours.",
        "Soft and pleasant, a real comfort.",
    ),
    "fit": (
        "Fits perfectly.",
        "The fit is just right, true to size.",
        "Sits exactly where it should.",
        "My usual size fits like a glove.",
    ),
    "size": (
        "Just the right size.",
        "Bigger than I feared, ideal size.",
        "The size is perfect for us.",
        "Exactly as large as described.",
    ),
    "sound": (
        "The sound is clear and full.",
        "Sounds far better than I expected.",
        "Beautiful warm sound.",
        "Rich sound, even when loud.",
    ),
    "light": (
        "Gives a lovely warm light.",
        "The light is bright enough to read.",
        "Soft light, no glare.",
        "Beautiful light in the evening.",
    ),
}

BLAME: dict[str, tuple[str, ...]] = {
    "quality": (
        "The quality is poor.",
        "Badly made, with loose ends everywhere.",
        "Feels cheap and flimsy.",
        "Sloppy workmanship.",
    ),
    "delivery": (
        "Delivery took three weeks.",
        "It arrived far too late.",
        "Shipping was slow and nobody answered.",
        "The parcel was lost twice.",
    ),
    "price": (
        "Overpriced for what it is.",
        "Not worth the money.",
        "Far too expensive.",
        "I paid too much for this.",
    ),
    "color": (
        "The {color} looks dull, not like the picture.",
        "The colour is off, I expected a brighter {color}.",
        "The {color} faded after a week.",
        "Disappointing colour, nothing like the photo.",
    ),
    "packaging": (
        "The box was crushed.",
        "Badly packed, it rattled around in the parcel.",
        "Far too much plastic in the packaging.",
        "The packaging was torn open.",
    ),
    "durability": (
        "It broke after two weeks.",
        "Already worn out after a month.",
        "Scratches if you only look at it.",
        "It fell apart quickly.",
    ),
    "comfort": (
        "Very uncomfortable.",
        "It hurts after ten minutes.",
        "Hard and unpleasant, no comfort at all.",
        "Uncomfortable in daily use.",
    ),
    "fit": (
        "Does not fit at all.",
        "The fit is wrong, order another size.",
        "Far too tight, bad fit.",
        "It is loose and slips all the time.",
    ),
    "size": (
        "Much smaller than it looks.",
        "The size is wrong.",
        "Too small to be useful.",
        "Too large, the size in the text is not right.",
    ),
    "sound": (
        "The sound is thin and tinny.",
        "Sounds awful when loud.",
        "Muffled sound, I am not happy.",
        "It buzzes, the sound is bad.",
    ),
    "light": (
        "The light is far too dim.",
        "It flickers, the light is bad.",
        "Harsh light that hurts the eyes.",
        "Hardly any light comes out.",
    ),
}

OPENERS: dict[int, tuple[str, ...]] = {
    5: ("I love this {noun}!", "A wonderful {noun}.", "Best {noun} I have had.", "Absolutely delighted."),
    4: ("A good {noun}.", "I like it a lot.", "Happy with this {noun}.", "Nearly perfect."),
    3: ("It is okay.", "An average {noun}.", "Mixed feelings about this {noun}.", "Neither good nor bad."),
    2: ("Not what I hoped for.", "A disappointing {noun}.", "I expected more.", "Would not buy it again."),
    1: ("A terrible {noun}.", "Avoid this {noun}.", "I sent it back.", "Very annoyed."),
}

TITLES: dict[int, tuple[str, ...]] = {
    5: ("Love it", "Perfect", "Highly recommended", "Five stars", "Could not be happier"),
    4: ("Very good", "Nice {noun}", "Good buy", "Would buy again"),
    3: ("It is okay", "Average", "So-so", "Fine, with flaws"),
    2: ("Disappointed", "Not great", "Expected better", "Below par"),
    1: ("Terrible", "Waste of money", "Do not buy", "Very bad"),
}

# Numbers of praised and criticised aspects for each number of stars, of which one pair is drawn.
BALANCE: dict[int, tuple[tuple[int, int], ...]] = {
    5: ((2, 0), (3, 0), (1, 0)),
    4: ((2, 0), (2, 1), (1, 0)),
    3: ((1, 1), (1, 1), (2, 2)),
    2: ((1, 2), (0, 2), (0, 1)),
    1: ((0, 2), (0, 3), (0, 1)),
}

COMMON = ("quality", "delivery", "price", "color", "packaging")


def reviews(item: SampleItem, shoppers: int, since: datetime, days: int) -> Iterator[dict[str, object]]:
    """Yield the reviews of an item, oldest first: about three, more for popular items, none for some."""
    rng = item.stream("reviews")
    count = min(12, int(rng.expovariate(1 / (1.9 + 3.6 * item.popularity)) + 0.75))
    moments = sorted(rng.random() * days * 86400 for _ in range(count))
    writers = rng.sample(range(shoppers), min(count, shoppers))
    for number, (second, writer) in enumerate(zip(moments, writers, strict=False)):
        stars = min(5, max(1, round(rng.gauss(item.rating + 0.25, 1.15))))
        yield {
            "review_id": f"{item.item_id}-r{number + 1:02d}",
            "item_id": item.item_id,
            "user_id": f"shopper-{writer:05d}",
            "rating": stars,
            **_text(item, stars, rng),
            "time": (since + timedelta(seconds=int(second))).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }


def _text(item: SampleItem, stars: int, rng: random.Random) -> dict[str, object]:
    praises, blames = rng.choice(BALANCE[stars])
    own = item.kind.aspects
    aspects = rng.sample(sorted({*COMMON, *own}), praises + blames)
    if not set(aspects) & set(own):
        aspects[0] = rng.choice(own)
    said = [rng.choice(PRAISE[aspect]) for aspect in aspects[:praises]]
    said += [rng.choice(BLAME[aspect]) for aspect in aspects[praises:]]
    if stars == 2:
        said.reverse()
    if rng.random() < 0.7:
        said.insert(0, rng.choice(OPENERS[stars]))
    noun = rng.choice(item.kind.nouns)
    if item.kind.plural:
        noun = f"pair of {noun}"
    return {
        "title": rng.choice(TITLES[stars]).format(noun=noun),
        "text": " ".join(said).format(color=item.color, noun=noun),
        "aspects": {aspect: 1 if place < praises else -1 for place, aspect in enumerate(aspects)},
    }
