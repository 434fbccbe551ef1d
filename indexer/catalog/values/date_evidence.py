"""Which order of day and month the dates of a column prove, and which of them no calendar has."""

from collections import Counter
from collections.abc import Iterable

from engine.catalog.date_text import DateText, split_date

_MAX_EXAMPLES = 3
_BEFORE_TIME = frozenset("Tt ")


class DateEvidence:
    """Counts of the texts of a column that look like dates.

    Attributes:
        day_first: Texts that are dates only with the day first: 31/12/2024.
        month_first: Texts that are dates only with the month first: 12/31/2024.
        undecided: Texts that are two different dates: 03/04/2024.
        invalid: Texts that are no date in either order: 2024-02-30, and eight digits such as 12345678.
        unusual: Texts with a year of two digits, and dates of eight digits, which are dates only in a column of dates.
        example: One of the undecided texts.
        invalid_examples: A few of the invalid texts.
    """

    def __init__(self) -> None:
        self.day_first = 0
        self.month_first = 0
        self.undecided = 0
        self.invalid = 0
        self.unusual = 0
        self.example = ""
        self.invalid_examples: dict[str, None] = {}

    def add(self, counts: Iterable[tuple[str, int]]) -> None:
        """Add texts that look like dates, each with its count; equal days are examined once, whatever the time."""
        days: Counter[str] = Counter()
        for text, count in counts:
            # An ISO 8601 time without its time of day.
            days[text[:10] if text[7:8] == "-" and text[10:11] in _BEFORE_TIME else text] += count
        for text, count in days.items():
            self._add(text, split_date(text), count)

    def _add(self, text: str, date: DateText | None, count: int) -> None:
        plain = date and (date.to_rfc_3339(True) or date.to_rfc_3339(False))
        if date is None or plain is None:
            self.invalid += count
            if len(self.invalid_examples) < _MAX_EXAMPLES:
                self.invalid_examples[text] = None
            return
        self.unusual += count if date.compact or date.short_year else 0
        if date.order is not None:
            self.day_first += count if date.order else 0
            self.month_first += 0 if date.order else count
        elif date.sign and date.parts[1] != date.parts[2]:
            self.undecided += count
            self.example = self.example or text
