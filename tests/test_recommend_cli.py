"""`engine recommend` as a person meets it: of a store in this process and of a server, for eyes and for programs."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import Ran, engine
from tests.support.purchase_shop import Shop, ids_of
from tests.support.servers import Running


def lines(ran: Ran) -> list[dict[str, Any]]:
    assert ran.code == 0, ran.err
    return [json.loads(line) for line in ran.out.splitlines()]


def test_a_store_and_a_server_recommend_the_same(shop: Shop, shop_server: Running) -> None:
    """With a filter, a boost and an explanation: the same lines, whoever is asked."""
    asked = ["recommend", "u0", "--mode", "discover", "--filter", "price < 80", "--boost", "rating=0.2", "--explain"]
    alone = lines(engine(*asked, "--limit", 5, "--json", "--store", shop.store))
    served = lines(engine(*asked, "--limit", 5, "--json", "--address", shop_server.target))
    assert [line | {"score": 0, "contributions": 0} for line in alone] == [
        line | {"score": 0, "contributions": 0} for line in served
    ]
    assert [line["rank"] for line in alone] == [1, 2, 3, 4, 5]
    assert not {line["item_id"] for line in alone} & ids_of(shop.events["u0"])
    for line in alone:
        assert sum(line["contributions"].values()) == pytest.approx(line["score"], abs=1e-4)
        assert line["contributions"][line["reason_contribution"]] == max(line["contributions"].values())
        assert line["reason_kind"] in ("popular", "goes_with", "like_item")
        assert (line["reason"] == "popular now") == (line["reason_kind"] == "popular")
        assert set(line["because"]) <= ids_of(shop.events["u0"])


def test_a_table_tells_the_reasons(shop: Shop) -> None:
    """One item a line, its reason beside it; how it was found on stderr."""
    ran = engine("recommend", "u0", "--mode", "repeat", "--limit", 3, "--store", shop.store)
    assert ran.code == 0, ran.err
    assert "reason" in ran.out.splitlines()[1]
    assert ran.out.count("you bought this") == 3
    assert "3 hits from snapshot" in ran.err


def test_a_session_is_told_by_options(shop: Shop) -> None:
    """Liked and disliked items instead of an id; without any of them, what is popular."""
    ran = engine("recommend", "--like", "i20", "--like", "gone", "--dislike", "i21", "--json", "--store", shop.store)
    assert {line["reason"] for line in lines(ran)} <= {"because you liked Thing 20", "popular now"}
    nobody = lines(engine("recommend", "--json", "--store", shop.store, "--collapse-by", "kind", "--diversity", "0.5"))
    assert {line["reason"] for line in nobody} == {"popular now"}
    kinds = [line["payload"]["kind"] for line in nobody]
    assert len(kinds) == len(set(kinds))


def test_a_query_takes_shoppers(shop: Shop, shop_server: Running) -> None:
    """`engine query --user` asks for what they like, of a store or of a server."""
    for where in (["--store", shop.store], ["--address", shop_server.target]):
        found = lines(engine("query", "--user", "u0", "--weight", "user=2", "--limit", 5, "--json", *where))
        assert {shop.kinds[line["item_id"]] for line in found} <= {0, 1}
    refused = engine("query", "--user", "nobody", "--store", shop.store)
    assert (refused.code, refused.out) == (1, "")
    assert "parts[0].user_id: expected a shopper with events" in refused.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["u0", "--like", "i1"], "expected a USER, or --like and --dislike"),
        (["u0", "--mode", "new"], "expected mixed, repeat, discover, got 'new'"),
        (["u0", "--store", "a", "--address", "b"], "one of --store and --address"),
        (["u0", "--boost", "rating"], "FIELD=W"),
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str], message: str) -> None:
    """Nothing is asked, and the usage says why."""
    ran = engine("recommend", *arguments)
    assert ran.code == 2
    assert message in " ".join(ran.err.replace("│", " ").split())


def test_what_cannot_be_recommended_exits_with_1(shop: Shop, tmp_path: Path) -> None:
    """One line on stderr names the field, or the file that is not there."""
    ran = engine("recommend", "--like", "gone", "--store", shop.store)
    assert (ran.code, ran.out) == (1, "")
    assert "session.liked_item_ids[0]: no item 'gone'" in ran.err
    assert engine("recommend", "u0", "--store", tmp_path).code == 1
    assert engine("recommend", "u0", "--image", tmp_path / "none.jpg", "--store", shop.store).code == 1
