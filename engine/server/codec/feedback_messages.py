"""Review digests as messages."""

from typing import Any

from google.protobuf.json_format import MessageToDict

from engine.reviews.feedback import BRAND, CATEGORY, ITEM, Feedback
from engine.server.codec.timestamps import to_timestamp
from engine.v1 import catalog_pb2


def to_subject(request: catalog_pb2.GetFeedbackRequest) -> tuple[str, str]:
    """Return the subject of a checked request: ITEM, BRAND or CATEGORY, and its name."""
    return next((kind, name) for kind in (ITEM, BRAND, CATEGORY) if (name := getattr(request, kind)))


def to_response(feedback: Feedback) -> catalog_pb2.GetFeedbackResponse:
    """Return a digest as a message."""
    digest = feedback.digest
    message = catalog_pb2.Feedback(
        review_count=digest.review_count,
        mean_rating=digest.mean_rating,
        sentiment=digest.sentiment,
        signals=feedback.signals,
        summary=feedback.summary,
        title=feedback.title,
    )
    setattr(message, feedback.kind, feedback.name)
    for aspect in digest.aspects:
        message.aspects.add(
            name=aspect.name,
            positive_count=aspect.positive_count,
            negative_count=aspect.negative_count,
            quotes=aspect.quotes,
        )
    for period in digest.periods:
        message.periods.add(
            start_time=to_timestamp(period.start_s),
            end_time=to_timestamp(period.end_s),
            review_count=period.review_count,
            sentiment=period.sentiment,
            mean_rating=period.mean_rating,
        )
    for change in digest.changes:
        message.changes.add(
            aspect=change.aspect, before=change.before, after=change.after, since=to_timestamp(change.since_s)
        )
    for fix in digest.fixes:
        message.fixes.add(
            aspect=fix.aspect, impact=fix.impact, blamed_share=fix.blamed_share, reason=fix.reason, quotes=fix.quotes
        )
    return catalog_pb2.GetFeedbackResponse(feedback=message)


def to_line(feedback: catalog_pb2.Feedback) -> dict[str, Any]:
    """Return a digest as JSON values, with the names of the contract."""
    line: dict[str, Any] = MessageToDict(feedback, preserving_proto_field_name=True)
    # protobuf leaves out zeros.
    line["review_count"] = feedback.review_count
    return line
