"""Calls of a server from the command line."""

from typing import Any

from google.protobuf.message import Message

from engine.errors import DiptychError


class RpcFailed(DiptychError):
    """A server returned an error, or did not answer."""


def call(address: str, rpc: str, request: Message, timeout_s: float) -> Any:
    """Return the server's response to a request. Raises RpcFailed.

    Args:
        address: HOST:PORT of the server.
        rpc: Full name, such as engine.v1.SearchService/Search.
        request: Request message of the rpc.
        timeout_s: Deadline.
    """
    import grpc
    from google.protobuf.descriptor_pool import Default
    from google.protobuf.message_factory import GetMessageClass

    method = Default().FindMethodByName(rpc.replace("/", "."))
    with grpc.insecure_channel(address, [("grpc.max_receive_message_length", -1)]) as channel:
        stub = channel.unary_unary(
            f"/{rpc}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )
        try:
            return stub(request, timeout=timeout_s)
        except grpc.RpcError as error:
            raise RpcFailed(f"{address}: {error.code().name}: {error.details()}") from error
