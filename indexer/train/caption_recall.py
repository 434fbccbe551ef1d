"""Captions of a CoCa model, and their recall: how many words of the expected caption they contain."""

from engine.encoders.captioner import generate_captions

__all__ = ["generate_captions", "recall"]


def recall(caption: str, expected: str) -> float:
    """Return the share of the expected caption's words that a caption has, in any order and case."""
    words = _words(expected)
    return len(words & _words(caption)) / len(words) if words else 1.0


def _words(line: str) -> set[str]:
    return {word.strip(".,;:!?'\"()") for word in line.lower().split()} - {""}
