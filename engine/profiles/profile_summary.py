"""A profile in two or three sentences, for somebody who plans what to show and to write to shoppers."""

from engine.columns.field_roles import to_words
from engine.descriptions.grammar import listed
from engine.events.event import EventType
from engine.profiles.label import plain
from engine.profiles.profile import Profile

_DONE = {
    EventType.PURCHASE: ("purchase", "purchases"),
    EventType.CART: ("item put into the cart", "items put into the cart"),
    EventType.VIEW: ("view", "views"),
    EventType.RETURN: ("return", "returns"),
    EventType.LIKE: ("like", "likes"),
    EventType.DISLIKE: ("dislike", "dislikes"),
}
_MOST_INTERESTS = 3
_MOST_AFFINITIES = 3
_LEAST_SHARE = 0.1


def summarise(profile: Profile) -> str:
    """Return what a profile says in words; never empty."""
    sentences = [_interests(profile), _affinities(profile), _price(profile), _activity(profile)]
    return " ".join(sentence for sentence in sentences if sentence)


def _interests(profile: Profile) -> str:
    named = [liking for liking in profile.interests if liking.label and liking.share >= _LEAST_SHARE]
    if not named:
        return ""
    told = [
        f"{liking.label} ({liking.share:.0%}{'' if place else ' of their activity'})"
        for place, liking in enumerate(named[:_MOST_INTERESTS])
    ]
    # Labels are nouns as the catalogue has them, which a sentence would have to bend.
    return f"Main interests: {', '.join(told)}."


def _affinities(profile: Profile) -> str:
    said = " ".join(liking.label.lower() for liking in profile.interests[:_MOST_INTERESTS])
    fresh = [affinity for affinity in profile.affinities if plain(affinity.value).lower() not in said]
    told = [
        f"{to_words(affinity.field)} {plain(affinity.value)}{times}"
        for affinity in fresh[:_MOST_AFFINITIES]
        for times in [f" ({affinity.lift:.1f} times)" if affinity.lift else ""]
    ]
    if not told:
        return ""
    known = any(affinity.lift for affinity in fresh[:_MOST_AFFINITIES])
    return f"{'Chooses more often than other shoppers' if known else 'Often chooses'}: {', '.join(told)}."


def _price(profile: Profile) -> str:
    band = profile.price_band
    if band is None:
        return ""
    if band.low == band.high:
        pays = f"Pays {_money(band.median)} for an item"
    else:
        low, median, high = map(_money, (band.low, band.median, band.high))
        pays = f"Usually pays {low} to {high} for an item (median {median})"
    return f"{pays}; {band.percentile:.0%} of the shop's items cost less."


def _money(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= 100 or amount == round(amount) else f"{amount:,.2f}"


def _activity(profile: Profile) -> str:
    done = [
        f"{count:,} {_DONE[kind][count != 1]}"
        for kind in _DONE
        for count in [profile.event_counts.get(kind, 0)]
        if count
    ]
    days = round(profile.last_days)
    when = f"{days} {'day' if days == 1 else 'days'} before the shop's newest events" if days else "on the newest day"
    return f"{listed(done)}; last active {when}."
