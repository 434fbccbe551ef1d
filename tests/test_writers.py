"""Writers behind the seam: a chat over a real HTTP server, its mistakes, and what becomes of them."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, BinaryIO

import pytest

from engine.descriptions.catalog_model import CatalogModel
from engine.descriptions.describer import Describer, DescribeRequest, Description, Subject
from engine.descriptions.writer import Style, WriterOptions, open_writer
from engine.errors import InvalidSetting, WriterFailed
from indexer.sample import sample_catalog, sample_item

RIGHT = "This scarlet mug is made of ceramic. It keeps your tea warm."
PNG = b"\x89PNG and so on"


class Chat:
    """A server that speaks the chat protocol; `answer` is what it says to the n-th request, from 0."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.answer: Callable[[int], str] = lambda number: RIGHT
        self.status = 200
        self.delay_s = 0.0
        self.body: bytes | None = None
        self.drip_s = 0.0
        self.sent = 0
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    @property
    def prompt(self) -> str:
        """What the user said last."""
        content = self.asked[-1]["messages"][-1]["content"]
        return content if isinstance(content, str) else content[0]["text"]

    def send(self, to: BinaryIO, body: bytes) -> None:
        """Write a body in parts, and stop where nobody listens any more."""
        size = 2**16 if not self.drip_s else 8
        with contextlib.suppress(ConnectionError):
            for start in range(0, len(body), size):
                time.sleep(self.drip_s)
                to.write(body[start : start + size])
                self.sent += size

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        chat = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                chat.asked.append({**request, "path": self.path})
                chat.keys.append(self.headers.get("Authorization"))
                time.sleep(chat.delay_s)
                said = {"choices": [{"message": {"role": "assistant", "content": chat.answer(len(chat.asked) - 1)}}]}
                body = json.dumps(said).encode() if chat.body is None else chat.body
                self.send_response(chat.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                chat.send(self.wfile, body)

            def log_message(self, *arguments: object) -> None:
                pass

        return Handler


@pytest.fixture
def chat() -> Iterator[Chat]:
    made = Chat()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture(scope="module")
def shelf() -> CatalogModel:
    return CatalogModel([dict(sample_catalog.row(sample_item.item(11, number))) for number in range(200)])


@pytest.fixture
def mug() -> dict[str, Any]:
    return {"product_type": "mug", "color": "red", "material": "ceramic", "brand": "Lumora", "price": 14.5}


def written(
    chat: Chat, shelf: CatalogModel, payload: dict[str, Any], wish: DescribeRequest | None = None, **options: Any
) -> Description:
    writer = open_writer(WriterOptions("chat", chat.url, "tiny", **options))
    (found,) = Describer(shelf, writer).describe([Subject(payload, data=PNG)], wish or DescribeRequest())
    return found


def test_a_chat_writes_what_is_right(chat: Chat, shelf: CatalogModel, mug: dict[str, Any]) -> None:
    """The text is the model's own, `model` names it, and it was told the facts and the form."""
    found = written(chat, shelf, mug, DescribeRequest(Style.LONG, "parents", 40))
    assert (found.text, found.model, found.corrected_fields) == (RIGHT, "chat:tiny", ())
    assert chat.asked[0]["path"] == "/v1/chat/completions"
    assert chat.asked[0]["model"] == "tiny"
    for told in ('"color": "red"', "parents", "40 words"):
        assert told in chat.prompt


def test_thoughts_quotes_and_labels_are_taken_off(chat: Chat, shelf: CatalogModel, mug: dict[str, Any]) -> None:
    chat.answer = lambda number: f'<think>A blue one?</think>\n"Description: {RIGHT}"'
    assert written(chat, shelf, mug).text == RIGHT


def test_a_wrong_colour_is_put_right(chat: Chat, shelf: CatalogModel, mug: dict[str, Any]) -> None:
    chat.answer = lambda number: "This blue mug is made of steel. It holds 400 ml. A pleasure every day."
    found = written(chat, shelf, mug)
    assert found.text == "This red mug is made of ceramic. A pleasure every day."
    assert found.corrected_fields == ("color", "material")
    assert found.model == "chat:tiny"


def test_a_refused_text_is_written_again(chat: Chat, shelf: CatalogModel, mug: dict[str, Any]) -> None:
    """The model is told what was wrong with the first text."""
    chat.answer = lambda number: "A mug that holds 400 ml." if number == 0 else RIGHT
    found = written(chat, shelf, mug)
    assert (found.text, found.corrected_fields) == (RIGHT, ())
    assert "wrong about number" in chat.prompt


def test_who_is_wrong_twice_is_not_heard(chat: Chat, shelf: CatalogModel, mug: dict[str, Any]) -> None:
    """Then the embedded writer writes from the facts, and `model` says so."""
    chat.answer = lambda number: "A mug for 99 euros."
    found = written(chat, shelf, mug)
    assert found.model == "coca"
    assert "99" not in found.text
    assert "red" in found.text
    assert len(chat.asked) == 2


def test_a_text_too_long_is_cut_at_a_sentence(chat: Chat, shelf: CatalogModel, mug: dict[str, Any]) -> None:
    chat.answer = lambda number: RIGHT + " And on and on it goes." * 50
    assert written(chat, shelf, mug, DescribeRequest(Style.LONG, max_words=12)).text == RIGHT
    chat.answer = lambda number: "This mug" + " and on" * 50 + "."
    found = written(chat, shelf, mug, DescribeRequest(Style.LONG, max_words=12))
    assert found.model == "coca"
    assert len(found.text.split()) <= 12


def test_bullets_get_their_dashes(chat: Chat, shelf: CatalogModel, mug: dict[str, Any]) -> None:
    chat.answer = lambda number: "* A red mug\n• Made of ceramic\n\n- From Lumora"
    found = written(chat, shelf, mug, DescribeRequest(Style.BULLETS))
    assert found.text == "- A red mug\n- Made of ceramic\n- From Lumora"


def test_a_model_that_looks_gets_the_picture(chat: Chat, shelf: CatalogModel, mug: dict[str, Any]) -> None:
    written(chat, shelf, mug, images=True)
    text, image = chat.asked[0]["messages"][-1]["content"]
    assert text["type"] == "text"
    assert image["image_url"]["url"].startswith("data:image/png;base64,")
    written(chat, shelf, mug)
    assert isinstance(chat.asked[1]["messages"][-1]["content"], str)


def test_a_server_that_fails_is_named(chat: Chat, shelf: CatalogModel, mug: dict[str, Any]) -> None:
    chat.status = 500
    with pytest.raises(WriterFailed, match=r"the chat at 127.0.0.1:\d+, got status 500"):
        written(chat, shelf, mug)


def test_a_server_that_takes_too_long_is_named(chat: Chat, shelf: CatalogModel, mug: dict[str, Any]) -> None:
    chat.delay_s = 0.6
    with pytest.raises(WriterFailed, match=r"to answer within 0.2 s"):
        written(chat, shelf, mug, timeout_s=0.2)


def test_a_server_that_drips_has_one_deadline(chat: Chat, shelf: CatalogModel, mug: dict[str, Any]) -> None:
    """Each part comes in time, all of them would take two seconds and more."""
    chat.drip_s = 0.1
    began = time.monotonic()
    with pytest.raises(WriterFailed, match=r"to answer within 0.5 s"):
        written(chat, shelf, mug, timeout_s=0.5)
    assert time.monotonic() - began < 1.5


def test_an_answer_without_end_is_not_read_to_its_end(chat: Chat, shelf: CatalogModel, mug: dict[str, Any]) -> None:
    """One byte more than a mebibyte is too much, so of 64 only what lay between the two was sent."""
    chat.body = bytes(2**26)
    with pytest.raises(WriterFailed, match="expected at most 1048576 bytes"):
        written(chat, shelf, mug)
    assert chat.sent < 2**25


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{}", b'{"choices": []}', b'{"choices": [{"message": {"content": 3}}]}']
)
def test_an_answer_that_is_none_is_refused(chat: Chat, shelf: CatalogModel, mug: dict[str, Any], body: bytes) -> None:
    chat.body = body
    with pytest.raises(WriterFailed, match="expected a"):
        written(chat, shelf, mug)


def test_a_server_that_is_not_there_is_named(shelf: CatalogModel, mug: dict[str, Any]) -> None:
    writer = open_writer(WriterOptions("chat", "http://127.0.0.1:9/v1", "tiny"))
    with pytest.raises(WriterFailed, match=r"the chat at 127.0.0.1:9, got ConnectError"):
        Describer(shelf, writer).describe([Subject(mug)], DescribeRequest())


def test_the_key_is_sent_and_never_shown(chat: Chat, shelf: CatalogModel, mug: dict[str, Any]) -> None:
    options = WriterOptions("chat", chat.url, "tiny", key="secret-1")
    assert "secret-1" not in repr(options)
    written(chat, shelf, mug, key="secret-1")
    written(chat, shelf, mug)
    assert chat.keys == ["Bearer secret-1", None]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (WriterOptions("nobody"), "expected a writer .coca, chat, or module:Class., got 'nobody'"),
        (WriterOptions("chat"), "expected the address of a chat"),
        (WriterOptions("chat", "ftp://host/v1", "tiny"), "expected the address of a chat"),
        (WriterOptions("chat", "http://user:pass@host/v1", "tiny"), "got another text$"),
        (WriterOptions("chat", "http://host/v1"), "expected the name of a chat model"),
    ],
)
def test_a_writer_that_cannot_be_opened_says_why(options: WriterOptions, message: str) -> None:
    with pytest.raises(InvalidSetting, match=message):
        open_writer(options)
