"""What the numbers of a column prove about its decimal sign, and whether they are numbers or names made of digits."""

from engine.catalog.number_text import Digits

_MAX_EXACT_DIGITS = 15
_MIN_PHONE_DIGITS = 8


class NumberEvidence:
    """Counts of the numbers or prices of a column.

    Attributes:
        dot: Numbers whose decimal sign can only be the dot: "12.50", "1,299.00", "1,299,000".
        comma: Numbers whose decimal sign can only be the comma.
        small: Numbers such as "0.125" and "0,125": three digits after a sign are decimals in this column.
        undecided: Examples of numbers with one sign before three digits, by that sign.
        leading_zero: Whole numbers such as "007", and phone numbers such as "+4930123456".
        long: Whole numbers of more than 15 digits, which a float may not hold.
        three_decimals: Numbers with three or more decimals.
    """

    def __init__(self) -> None:
        self.dot = 0
        self.comma = 0
        self.small = 0
        self.undecided: dict[str, str] = {}
        self.leading_zero = 0
        self.long = 0
        self.three_decimals = 0

    def add(self, digits: Digits, text: str, count: int, has_currency: bool) -> None:
        """Add `count` texts like this one; one with a currency says by itself what three digits are."""
        self.three_decimals += count if len(digits.decimals) >= 3 else 0
        if digits.is_ambiguous:
            if not has_currency:
                self.undecided.setdefault(digits.decimal_sign, text)
            return
        sign = digits.decimal_sign or {".": ",", ",": "."}.get(digits.group_sign, "")
        self.dot += count if sign == "." else 0
        self.comma += count if sign == "," else 0
        self.small += count if len(digits.decimals) == 3 and not digits.group_sign else 0
        if not digits.decimal_sign and not digits.group_sign:
            is_phone = text.startswith("+") and len(digits.whole) >= _MIN_PHONE_DIGITS
            is_padded = len(digits.whole) > 1 and digits.whole.startswith("0")
            self.leading_zero += count if is_phone or is_padded else 0
            self.long += count if len(digits.whole) > _MAX_EXACT_DIGITS else 0

    @property
    def decimal_comma(self) -> bool | None:
        """Whether the decimal sign is the comma; None if nothing or both is proved."""
        return None if bool(self.dot) == bool(self.comma) else bool(self.comma)
