"""A writer that calls a chat model at any OpenAI-compatible endpoint: vLLM, Ollama or a cloud provider.

The prompt contains the facts and asks the model to keep to them; the reply is fact-checked like any other text. The key
and the texts never appear in logs or errors.
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
_TOKENS_PER_WORD = 3
_SPARE_TOKENS = 64
_MAX_BYTES = 2**20
_REASONING = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_LABEL = re.compile(r"^(?:product )?description\s*:\s*", re.IGNORECASE)


class ChatWriter:
    """Calls one chat model; `name` identifies it in its descriptions."""

    def __init__(self, options: WriterOptions) -> None:
        """Raise InvalidSetting for a missing or invalid URL or a missing model."""
        if not _is_address(options.url):
            # The URL is not shown, as it may contain a password.
            given = "another text" if options.url else "none"
            raise InvalidSetting(f"expected the address of a chat endpoint such as http://HOST:PORT/v1, got {given}")
        if not options.model:
            raise InvalidSetting("expected the name of a chat model, got none")
        self.name = f"chat:{options.model}"
        base = options.url.rstrip("/")
        self._url = base if base.endswith(PATH) else base + PATH
        self._model, self._images, self._timeout_s = options.model, options.images, options.timeout_s
        headers = {"Authorization": f"Bearer {options.key}"} if options.key else {}
        # trust_env=False: a proxy from the environment must not see the key.
        self._client = httpx.Client(headers=headers, timeout=options.timeout_s, trust_env=False)

    def write(self, brief: Brief, faults: Sequence[str] = ()) -> str:
        """Return the model's reply without reasoning, quotation marks and labels. Raises WriterFailed."""
        request = {
            "model": self._model,
            "messages": [
                {"role": "system", "content": _SYSTEM},
                {"role": "user", "content": self._prompt(brief, faults)},
            ],
            "max_tokens": _TOKENS_PER_WORD * brief.max_words + _SPARE_TOKENS,
            "temperature": 0.3,
            "stream": False,
        }
        deadline_s = time.monotonic() + self._timeout_s
        try:
            with self._client.stream("POST", self._url, json=request) as response:
                if response.status_code != httpx.codes.OK:
                    raise WriterFailed(f"expected a reply from {self._endpoint}, got status {response.status_code}")
                body = self._body(response, deadline_s)
        except httpx.TimeoutException as error:
            raise WriterFailed(
                f"expected {self._endpoint} to answer within {self._timeout_s:g} s, got nothing"
            ) from error
        except httpx.HTTPError as error:
            raise WriterFailed(
                f"expected a reply from {self._endpoint}, got {type(error).__name__}: {error}"
            ) from error
        return _clean(self._content(body))

    @property
    def _endpoint(self) -> str:
        address = httpx.URL(self._url)
        return f"the chat at {address.host}:{address.port or (443 if address.scheme == 'https' else 80)}"

    def _prompt(self, brief: Brief, faults: Sequence[str]) -> Any:
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
            *([f"What the shop says of it itself: {' '.join(brief.own_sentences)}"] if brief.own_sentences else []),
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
        """Return the body, limited in size and total time; the timeout of the client applies to each chunk."""
        body = bytearray()
        for part in response.iter_bytes():
            body += part
            if len(body) > _MAX_BYTES:
                raise WriterFailed(f"expected at most {_MAX_BYTES} bytes from {self._endpoint}, got more")
            if time.monotonic() > deadline_s:
                raise WriterFailed(f"expected {self._endpoint} to answer within {self._timeout_s:g} s, got only a part")
        return bytes(body)

    def _content(self, body: bytes) -> str:
        try:
            content = json.loads(body)["choices"][0]["message"]["content"]
        except (ValueError, LookupError, TypeError) as error:
            raise WriterFailed(f"expected a chat completion from {self._endpoint}, got something else") from error
        if not isinstance(content, str):
            raise WriterFailed(f"expected a text from {self._endpoint}, got {type(content).__name__}")
        return content


def _is_address(url: str) -> bool:
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return address.scheme in ("http", "https") and bool(address.host) and not address.userinfo


def _clean(text: str) -> str:
    text = _REASONING.sub("", text).strip().strip("`").strip()
    return _strip_quotes(_LABEL.sub("", _strip_quotes(text.replace("**", ""))))


def _strip_quotes(text: str) -> str:
    quoted = len(text) > 1 and text[0] in "\"“'" and text[-1] in "\"”'"
    return text[1:-1].strip() if quoted else text
