"""A writer that asks a chat model at any OpenAI-compatible address: vLLM, Ollama, a provider's.

It is told facts, and asked to keep to them; what it answers is checked like any other text. Nothing here logs the key
or shows it in an error, nor what was written.
"""

import base64
import json
import re
import time
from collections.abc import Sequence
from typing import Any

import httpx

from engine.descriptions.facts import ROLES, TYPE
from engine.descriptions.writer import Brief, Style, WriterOptions
from engine.errors import InvalidSetting, WriterFailed

PATH = "/chat/completions"

_SYSTEM = (
    "You write product descriptions for an online shop in plain, friendly English. Use only the facts you are given. "
    "Never name a colour, material, brand, number or kind of product that the facts contradict or do not mention. "
    "Promise nothing that they do not say (waterproof, organic, a guarantee). Do not say what the product is not. "
    "No headings, no quotation marks, no remarks about the task. Reply with the "
    "description alone."
)
_STYLES = {
    Style.SHORT: "One sentence.",
    Style.LONG: "One paragraph of 40 to 80 words; the first sentence says what the product is.",
    Style.BULLETS: 'Four to six lines, each beginning with "- " and each of another fact; the first says what it is.',
}
_TOKENS_A_WORD = 3
_SPARE_TOKENS = 64
_MOST_BYTES = 2**20
_THOUGHTS = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_LABEL = re.compile(r"^(?:product )?description\s*:\s*", re.IGNORECASE)


class ChatWriter:
    """Asks one model; `name` is how it is known in what it wrote."""

    def __init__(self, options: WriterOptions) -> None:
        """Raises InvalidSetting without an address or a model."""
        if not _is_address(options.url):
            # It is not shown, for it may hold a password.
            came = "another text" if options.url else "none"
            raise InvalidSetting(f"expected the address of a chat such as http://HOST:PORT/v1, got {came}")
        if not options.model:
            raise InvalidSetting("expected the name of a chat model, got none")
        self.name = f"chat:{options.model}"
        base = options.url.rstrip("/")
        self._url = base if base.endswith(PATH) else base + PATH
        self._model, self._images, self._timeout_s = options.model, options.images, options.timeout_s
        headers = {"Authorization": f"Bearer {options.key}"} if options.key else {}
        # Whoever runs the server names the address; a proxy of the environment must not see the key.
        self._client = httpx.Client(headers=headers, timeout=options.timeout_s, trust_env=False)

    def write(self, brief: Brief, faults: Sequence[str] = ()) -> str:
        """Return what the model answers, without thoughts, quotes and labels. Raises WriterFailed."""
        request = {
            "model": self._model,
            "messages": [
                {"role": "system", "content": _SYSTEM},
                {"role": "user", "content": self._asked(brief, faults)},
            ],
            "max_tokens": _TOKENS_A_WORD * brief.max_words + _SPARE_TOKENS,
            "temperature": 0.3,
            "stream": False,
        }
        deadline_s = time.monotonic() + self._timeout_s
        try:
            with self._client.stream("POST", self._url, json=request) as response:
                if response.status_code != httpx.codes.OK:
                    raise WriterFailed(f"expected an answer of {self._where}, got status {response.status_code}")
                body = self._body(response, deadline_s)
        except httpx.TimeoutException as error:
            raise WriterFailed(f"expected {self._where} to answer within {self._timeout_s:g} s, got nothing") from error
        except httpx.HTTPError as error:
            raise WriterFailed(f"expected an answer of {self._where}, got {type(error).__name__}: {error}") from error
        return _clean(self._content(body))

    @property
    def _where(self) -> str:
        address = httpx.URL(self._url)
        return f"the chat at {address.host}:{address.port or (443 if address.scheme == 'https' else 80)}"

    def _asked(self, brief: Brief, faults: Sequence[str]) -> Any:
        facts = {
            brief.facts.field_of(role): ", ".join(brief.facts.values[role])
            for role in ROLES
            if role in brief.facts.values
        }
        if TYPE not in brief.facts.values and brief.noun:
            facts["kind"] = brief.noun
        if brief.facts.title:
            facts["title"] = brief.facts.title
        title = brief.title
        facts |= {"fits": title.fits} if title.fits else {}
        facts |= {"features": ", ".join([*title.features, *title.traits])} if title.features or title.traits else {}
        facts |= {label: value for label, value in brief.facts.others if label not in facts}
        lines = [
            "Describe this product.",
            f"Facts: {json.dumps(facts, ensure_ascii=False)}",
            *([f"What the shop says of it itself: {' '.join(brief.sayings)}"] if brief.sayings else []),
            *([f"A machine says of its picture, perhaps wrongly: {brief.caption}"] if brief.caption else []),
            f"Form: {_STYLES[brief.style]} At most {brief.max_words} words in all.",
            *([f"Readers: {brief.audience}. Speak to them."] if brief.audience else []),
            *([f"An earlier text was refused: {'; '.join(faults)}."] if faults else []),
        ]
        text = "\n".join(lines)
        if not (self._images and brief.picture):
            return text
        kind = "png" if brief.picture.startswith(b"\x89PNG") else "webp" if brief.picture[8:12] == b"WEBP" else "jpeg"
        address = f"data:image/{kind};base64,{base64.b64encode(brief.picture).decode()}"
        return [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": address}}]

    def _body(self, response: httpx.Response, deadline_s: float) -> bytes:
        """Return what is sent, in time and not too much. The client's own timeout is for each part anew."""
        body = bytearray()
        for part in response.iter_bytes():
            body += part
            if len(body) > _MOST_BYTES:
                raise WriterFailed(f"expected at most {_MOST_BYTES} bytes of {self._where}, got more")
            if time.monotonic() > deadline_s:
                raise WriterFailed(f"expected {self._where} to answer within {self._timeout_s:g} s, got a part of it")
        return bytes(body)

    def _content(self, body: bytes) -> str:
        try:
            content = json.loads(body)["choices"][0]["message"]["content"]
        except (ValueError, LookupError, TypeError) as error:
            raise WriterFailed(f"expected a chat completion of {self._where}, got something else") from error
        if not isinstance(content, str):
            raise WriterFailed(f"expected a text of {self._where}, got {type(content).__name__}")
        return content


def _is_address(url: str) -> bool:
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return address.scheme in ("http", "https") and bool(address.host) and not address.userinfo


def _clean(text: str) -> str:
    text = _THOUGHTS.sub("", text).strip().strip("`").strip()
    return _unquoted(_LABEL.sub("", _unquoted(text.replace("**", ""))))


def _unquoted(text: str) -> str:
    quoted = len(text) > 1 and text[0] in "\"“'" and text[-1] in "\"”'"
    return text[1:-1].strip() if quoted else text
