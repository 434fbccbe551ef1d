"""What the bytes above 127 of a file say about its encoding, collected block by block in bounded memory."""

import re

_MAX_WORDS_BYTES = 2**16
_MAX_WORD_BYTES = 512
_ASCII = bytes(range(128))
_WORD = re.compile(rb"[0-9@-\xff]+")
"""Runs without blanks and ASCII punctuation, which are no part of a character in any encoding but UTF-16 and UTF-32."""


class EncodingEvidence:
    """The evidence of one file that is not valid UTF-8.

    Attributes:
        words: The distinct words with bytes above 127, up to a limit.
        first_bad: The first bytes that are not UTF-8.
        first_bad_line: The line that they are on, from 1.
    """

    def __init__(self) -> None:
        self.words: dict[bytes, None] = {}
        self.first_bad = b""
        self.first_bad_line = 0
        self._continuation_bytes = 0
        self._bad_bytes = 0
        self._words_bytes = 0
        self._lines = 0

    @property
    def is_utf8(self) -> bool:
        """Whether the file is UTF-8 with some bad bytes: in other encodings valid sequences are rare."""
        return self._continuation_bytes >= self._bad_bytes

    def add(self, block: bytes) -> None:
        """Add a block of whole lines."""
        if not block.isascii():
            text = block.decode("utf-8", "ignore")
            good_bytes = len(text.encode("utf-8"))
            self._continuation_bytes += good_bytes - len(text)
            self._bad_bytes += len(block) - good_bytes
            if not self.first_bad:
                self._locate(block)
            self._add_words(block)
        self._lines += block.count(b"\n")

    def _locate(self, block: bytes) -> None:
        try:
            block.decode("utf-8")
        except UnicodeDecodeError as error:
            self.first_bad = block[error.start : error.start + 4].split(b"\n")[0]
            self.first_bad_line = self._lines + block.count(b"\n", 0, error.start) + 1

    def _add_words(self, block: bytes) -> None:
        if self._words_bytes >= _MAX_WORDS_BYTES:
            return
        for word in _WORD.findall(block):
            if not word.isascii() and word not in self.words:
                if len(word) > _MAX_WORD_BYTES:
                    word = _shorten(word)
                self.words[word] = None
                self._words_bytes += len(word)


def _shorten(word: bytes) -> bytes:
    """Return the part of a word that starts with the character before its first byte above 127."""
    start = max(len(word) - len(word.lstrip(_ASCII)) - 1, 0)
    return word[start : start + _MAX_WORD_BYTES]
