"""Names and descriptions of segments: what distinguishes their shoppers from all, in a marketer's words."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.descriptions.grammar import join_list_words
from engine.profiles.label import lower_capitals
from engine.profiles.shopper_features import Numbers, ShopperFeatures

# Standard deviations that a segment's mean has to differ by to be in its name; looser where names would collide.
_CLEAR_SPREADS = (0.5, 0.3, 0.15)
_MIN_LIFT = 1.25
_MIN_SHARE = 0.05
_LAPSED_DAYS = 30.0
_MAX_THEMES = 3


@dataclass(frozen=True, slots=True)
class ShopperThemes:
    """What shoppers choose, as names and (u, t) shares: values of a field, or words of titles."""

    names: tuple[str, ...]
    shares: Numbers


@dataclass(frozen=True, slots=True)
class NamedSegment:
    """A segment's name and description.

    apart: what distinguishes it, largest first, and by how many standard deviations of all shoppers.
    """

    name: str
    description: str
    apart: tuple[tuple[str, float], ...]


def name_segments(features: ShopperFeatures, themes: ShopperThemes, groups: NDArray[np.int32]) -> list[NamedSegment]:
    """Return a distinct name and a description for each group of shoppers."""
    sketches = [_SegmentSketch(features, themes, groups == index) for index in range(int(groups.max()) + 1)]
    names = [""] * len(sketches)
    for clear in _CLEAR_SPREADS:
        for theme_count in (1, 2):
            for index, sketch in enumerate(sketches):
                if not names[index] or names.count(names[index]) > 1:
                    names[index] = sketch.name(clear, theme_count)
            if len(set(names)) == len(names):
                break
    seen: dict[str, int] = {}
    for index, name in enumerate(names):
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            names[index] = f"{name} ({seen[name]})"
    return [NamedSegment(name, sketch.sentence(), sketch.apart()) for name, sketch in zip(names, sketches, strict=True)]


class _SegmentSketch:
    """One group of shoppers compared with all."""

    def __init__(self, features: ShopperFeatures, themes: ShopperThemes, inside: NDArray[np.bool_]) -> None:
        self._features = features
        self._inside = inside
        self._events = _deviation(np.log1p(features.events), inside)
        self._bought = _deviation(features.bought, inside)
        self._returned = _deviation(features.returned, inside)
        self._idle = _deviation(np.log1p(features.idle_days), inside)
        self._price = _deviation(features.price, inside)
        self._themes = _distinctive_themes(themes, inside)

    def name(self, clear: float, theme_count: int) -> str:
        """Return a name from what differs by at least `clear` standard deviations, with up to `theme_count` themes."""
        words = []
        if self._lapsed and self._idle >= max(clear, abs(self._events)):
            words.append("lapsed")
        elif abs(self._events) >= clear:
            words.append("frequent" if self._events > 0 else "occasional")
        # A theme may be worth a number, but not a name.
        clear_themes = [lower_capitals(name).lower() for name, _, _, strength in self._themes if strength >= clear / 2]
        themes = clear_themes[:theme_count]
        if themes:
            words.append(join_list_words(themes))
        words.append(self._noun(clear))
        name = " ".join(words)
        if abs(self._price) >= clear:
            name += ", high prices" if self._price > 0 else ", low prices"
        if self._returned >= 2 * clear:
            name += ", many returns"
        if name in ("shoppers", "buyers"):
            name = f"all-round {name}"
        return name[0].upper() + name[1:]

    def sentence(self) -> str:
        """Return the group's statistics, those of all shoppers in brackets."""
        features, inside = self._features, self._inside
        parts = [
            f"{np.median(features.events[inside]):.0f} events each (all shoppers: {np.median(features.events):.0f})",
            f"the last one {np.median(features.idle_days[inside]):.0f} days ago ({np.median(features.idle_days):.0f})",
        ]
        if np.ptp(features.bought) > 0:
            parts.append(f"{features.bought[inside].mean():.0%} of events are purchases ({features.bought.mean():.0%})")
        if self._returned >= _CLEAR_SPREADS[0]:
            returned = features.returned[inside].mean(), features.returned.mean()
            parts.append(f"{returned[0]:.0%} of purchases are returned ({returned[1]:.0%})")
        themes = [
            f"{lower_capitals(name).lower()} {group_share:.0%} ({overall:.0%})"
            for name, group_share, overall, _ in self._themes
        ]
        if themes:
            parts.append(f"they more often choose {join_list_words(themes)}")
        if np.isfinite(features.price).any():
            ranks = np.nanmean(features.price[inside]), np.nanmean(features.price)
            parts.append(f"their items cost more than {ranks[0]:.0%} of the shop's items ({ranks[1]:.0%})")
        return f"{inside.mean():.0%} of shoppers: {'; '.join(parts)}."

    def apart(self) -> tuple[tuple[str, float], ...]:
        """Return what distinguishes the group, in a few words each, and by how much."""
        found = [
            ("more events" if self._events > 0 else "fewer events", self._events),
            ("inactive for longer" if self._idle > 0 else "recently active", self._idle),
            ("buy more of what they see" if self._bought > 0 else "buy less of what they see", self._bought),
            ("return more" if self._returned > 0 else "return less", self._returned),
            ("higher prices" if self._price > 0 else "lower prices", self._price),
            *((lower_capitals(name).lower(), strength) for name, _, _, strength in self._themes),
        ]
        found.sort(key=lambda entry: (-abs(entry[1]), entry[0]))
        return tuple((words, round(strength, 3)) for words, strength in found if abs(strength) >= _CLEAR_SPREADS[-1])

    @property
    def _lapsed(self) -> bool:
        """Whether most have been inactive for a month, and half as long again as most shoppers."""
        idle = self._features.idle_days
        return bool(np.median(idle[self._inside]) >= max(_LAPSED_DAYS, 1.5 * np.median(idle)))

    def _noun(self, clear: float) -> str:
        if self._features.bought.min() == 1:
            # The log has nothing but purchases.
            return "buyers"
        if abs(self._bought) < clear:
            return "shoppers"
        return "buyers" if self._bought > 0 else "browsers"


def _distinctive_themes(themes: ShopperThemes, inside: NDArray[np.bool_]) -> list[tuple[str, float, float, float]]:
    """Return what a group chooses more than all shoppers do, most distinctive first.

    Each is a name, the group's share, the share of all, and the difference in standard deviations.
    """
    if not themes.names:
        return []
    group_shares, baseline = themes.shares[inside].mean(axis=0), themes.shares.mean(axis=0)
    found: list[tuple[float, tuple[str, float, float, float]]] = []
    for index, name in enumerate(themes.names):
        if group_shares[index] >= _MIN_SHARE and group_shares[index] >= _MIN_LIFT * baseline[index]:
            theme = (
                name,
                float(group_shares[index]),
                float(baseline[index]),
                _deviation(themes.shares[:, index], inside),
            )
            found.append((float(group_shares[index] * np.log(group_shares[index] / baseline[index])), theme))
    found.sort(key=lambda entry: (-entry[0], entry[1][0]))
    return [theme for _, theme in found[:_MAX_THEMES]]


def _deviation(values: Numbers, inside: NDArray[np.bool_]) -> float:
    """Return how many standard deviations of all known values a group's mean differs by; 0 where none is known."""
    known = np.isfinite(values)
    if not (known & inside).any():
        return 0.0
    spread = float(values[known].std())
    return float(values[known & inside].mean() - values[known].mean()) / spread if spread > 1e-9 else 0.0
