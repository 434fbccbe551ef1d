"""A profile as two or three sentences, for people who plan what to show and write to shoppers."""

from engine.columns.field_roles import to_words
from engine.descriptions.grammar import join_list_words
from engine.events.event import EventType
from engine.profiles.label import lower_capitals
from engine.profiles.profile import Profile

_EVENT_NOUNS = {
    EventType.PURCHASE: ("purchase", "purchases"),
    EventType.CART: ("item added to the cart", "items added to the cart"),
    EventType.VIEW: ("view", "views"),
    EventType.RETURN: ("return", "returns"),
    EventType.LIKE: ("like", "likes"),
    EventType.DISLIKE: ("dislike", "dislikes"),
}
_MAX_INTERESTS = 3
_MAX_AFFINITIES = 3
_MIN_SHARE = 0.1


def summarise(profile: Profile) -> str:
    """Return the summary of a profile; never empty."""
    sentences = [_interests(profile), _affinities(profile), _price(profile), _activity(profile)]
    return " ".join(sentence for sentence in sentences if sentence)


def _interests(profile: Profile) -> str:
    named = [interest for interest in profile.interests if interest.label and interest.share >= _MIN_SHARE]
    if not named:
        return ""
    phrases = [
        f"{interest.label} ({interest.share:.0%}{'' if index else ' of their activity'})"
        for index, interest in enumerate(named[:_MAX_INTERESTS])
    ]
    # Labels are nouns as the catalogue spells them; a list avoids inflecting them.
    return f"Main interests: {', '.join(phrases)}."


def _affinities(profile: Profile) -> str:
    labels = " ".join(interest.label.lower() for interest in profile.interests[:_MAX_INTERESTS])
    unmentioned = [affinity for affinity in profile.affinities if lower_capitals(affinity.value).lower() not in labels]
    phrases = [
        f"{to_words(affinity.field)} {lower_capitals(affinity.value)}{lift}"
        for affinity in unmentioned[:_MAX_AFFINITIES]
        for lift in [f" ({affinity.lift:.1f} times)" if affinity.lift else ""]
    ]
    if not phrases:
        return ""
    has_lift = any(affinity.lift for affinity in unmentioned[:_MAX_AFFINITIES])
    return f"{'Chooses more often than other shoppers' if has_lift else 'Often chooses'}: {', '.join(phrases)}."


def _price(profile: Profile) -> str:
    band = profile.price_band
    if band is None:
        return ""
    if band.low == band.high:
        pays = f"Pays {_money(band.median)} per item"
    else:
        low, median, high = map(_money, (band.low, band.median, band.high))
        pays = f"Usually pays {low} to {high} per item (median {median})"
    return f"{pays}; {band.percentile:.0%} of the shop's items cost less."


def _money(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= 100 or amount == round(amount) else f"{amount:,.2f}"


def _activity(profile: Profile) -> str:
    counts = [
        f"{count:,} {_EVENT_NOUNS[kind][count != 1]}"
        for kind in _EVENT_NOUNS
        for count in [profile.event_counts.get(kind, 0)]
        if count
    ]
    days = round(profile.last_days)
    when = f"{days} {'day' if days == 1 else 'days'} before the shop's newest events" if days else "on the newest day"
    return f"{join_list_words(counts)}; last active {when}."
