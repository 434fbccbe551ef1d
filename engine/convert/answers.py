"""The domain's answers as the contract's messages."""

from engine.convert.payloads import Fields, put_payload
from engine.items import Items
from engine.records import Answer
from engine.v1 import search_pb2


def to_response(answer: Answer, items: Items, fields: Fields | None) -> search_pb2.SearchResponse:
    """Return the answer with the payload of each hit, cut to `fields`; the timings of the edge are left to it."""
    response = search_pb2.SearchResponse(snapshot=answer.snapshot)
    add = response.hits.add
    for hit in answer.hits:
        sent = add(item_id=hit.item_id, score=hit.score)
        put_payload(sent.payload, items.payload(hit.row), fields)
        if hit.contributions:
            sent.contributions.update(hit.contributions)
    plan, timings = answer.plan, answer.timings
    sent_plan = response.plan
    sent_plan.strategy = plan.strategy
    sent_plan.nprobe = plan.nprobe
    sent_plan.candidates = plan.candidates
    sent_plan.selectivity = plan.selectivity
    sent_plan.expected_recall = plan.expected_recall
    sent_timings = response.timings
    sent_timings.encode_us = timings.encode_us
    sent_timings.plan_us = timings.plan_us
    sent_timings.search_us = timings.search_us
    sent_timings.score_us = timings.score_us
    return response
