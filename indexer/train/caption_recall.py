"""What a CoCa model says of pictures, and how much of what was meant it says."""

from engine.encoders.captioner import say

__all__ = ["recall", "say"]


def recall(said: str, meant: str) -> float:
    """Return the share of the meant caption's words that were said, whatever their order and case."""
    words = _words(meant)
    return len(words & _words(said)) / len(words) if words else 1.0


def _words(line: str) -> set[str]:
    return {word.strip(".,;:!?'\"()") for word in line.lower().split()} - {""}
