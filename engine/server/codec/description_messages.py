"""Descriptions as messages, and back."""

from engine.descriptions.describer import DescribeRequest, Description
from engine.descriptions.writer import Style
from engine.v1 import catalog_pb2

_STYLES = {
    catalog_pb2.DescribeItemRequest.STYLE_UNSPECIFIED: Style.LONG,
    catalog_pb2.DescribeItemRequest.STYLE_SHORT: Style.SHORT,
    catalog_pb2.DescribeItemRequest.STYLE_LONG: Style.LONG,
    catalog_pb2.DescribeItemRequest.STYLE_BULLETS: Style.BULLETS,
}


def from_request(request: catalog_pb2.DescribeItemRequest) -> DescribeRequest:
    """Convert a checked request."""
    return DescribeRequest(_STYLES[request.style], request.audience, request.max_words)


def to_response(description: Description) -> catalog_pb2.DescribeItemResponse:
    """Return a description as a message."""
    return catalog_pb2.DescribeItemResponse(
        description=description.text,
        model=description.model,
        agreement=description.agreement,
        corrected_fields=description.corrected_fields,
    )


def from_response(response: catalog_pb2.DescribeItemResponse) -> Description:
    """Return the description in a response."""
    fields = tuple(response.corrected_fields)
    return Description(response.description, response.model, response.agreement, fields)


def to_request(
    item_id: str | None, image: bytes | None, style: Style, audience: str, max_words: int
) -> catalog_pb2.DescribeItemRequest:
    """Return a request for an item or an image; the other is None."""
    value = {name: value for value, name in reversed(_STYLES.items())}[style]
    request = catalog_pb2.DescribeItemRequest(max_words=max_words, style=value, audience=audience)
    if image is not None:
        request.image = image
    if item_id is not None:
        request.item_id = item_id
    return request
