"""The routing of gRPC calls to methods, with errors turned into statuses in one place.

An rpc without a method is rejected by name, so that the contract can be ahead of the implementation.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from time import perf_counter_ns
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc import aio
from grpc_status import rpc_status

from engine.errors import DiptychError, NotSupported
from engine.server.codec.statuses import to_status
from engine.server.codec.validation import InvalidMessage, check
from engine.server.metrics import Metrics
from engine.server.workers import CallDeadline
from engine.v1 import catalog_pb2, embedding_pb2, index_pb2, recommendation_pb2, search_pb2

Method = Callable[[Any, CallDeadline], Awaitable[Message | bytes]]
"""Handles one rpc and returns its response, or the bytes of it."""

_FILES = (search_pb2, recommendation_pb2, catalog_pb2, embedding_pb2, index_pb2)

_OK: int = grpc.StatusCode.OK.value[0]
_CANCELLED: int = grpc.StatusCode.CANCELLED.value[0]

log = logging.getLogger(__name__)


def services() -> Iterator[ServiceDescriptor]:
    """Yield the services of the contract."""
    for file in _FILES:
        yield from file.DESCRIPTOR.services_by_name.values()


class RpcRouter:
    """gRPC handlers for the services of the contract.

    Args:
        methods: Methods by rpc, such as "engine.v1.SearchService/Search".
        metrics: Where to count the calls.

    Attributes:
        in_flight: Number of running calls.
    """

    def __init__(self, methods: Mapping[str, Method], metrics: Metrics) -> None:
        self.in_flight = 0
        self._metrics = metrics
        self._idle = asyncio.Event()
        self._idle.set()
        self._methods = dict(methods)
        known = {_path(method) for service in services() for method in service.methods}
        if not known >= self._methods.keys():
            raise ValueError(f"expected rpcs of the contract, got {sorted(self._methods.keys() - known)}")

    def implemented_services(self) -> list[str]:
        """Return the full names of the services with at least one method."""
        return sorted({path.partition("/")[0] for path in self._methods})

    def handlers(self) -> list[grpc.GenericRpcHandler]:
        """Return one handler for each service of the contract."""
        return [
            grpc.method_handlers_generic_handler(
                service.full_name, {method.name: self._handler(method) for method in service.methods}
            )
            for service in services()
        ]

    def warm_up(self) -> None:
        """Compile the validation rules of every implemented rpc, so that no caller waits the 50 ms it takes."""
        for service in services():
            for method in service.methods:
                if _path(method) in self._methods:
                    with suppress(InvalidMessage):
                        check(GetMessageClass(method.input_type)())

    async def idle(self) -> None:
        """Wait until no call is running."""
        await self._idle.wait()

    def _handler(self, descriptor: MethodDescriptor) -> "grpc.RpcMethodHandler[Any, Any]":
        path = _path(descriptor)
        method = self._methods.get(path, _unimplemented(path))
        observe = self._metrics.rpc(path).observe

        async def handle(request: Message, context: aio.ServicerContext[Any, Any]) -> Message | bytes:
            arrived = perf_counter_ns()
            left_s = context.time_remaining()
            self.in_flight += 1
            self._idle.clear()
            # A call that ends with neither a response nor a status was cancelled by its caller.
            code = _CANCELLED
            try:
                call = CallDeadline(arrived, None if left_s is None else arrived + int(left_s * 1e9))
                response = await method(request, call)
                code = _OK
                return response
            except DiptychError as error:
                status = to_status(error)
                code = status.code
                if code == grpc.StatusCode.INTERNAL.value[0]:
                    log.exception("failed rpc=%s", path)
            except Exception as error:
                log.exception("failed rpc=%s", path)
                status = to_status(error)
                code = status.code
            finally:
                observe(code, (perf_counter_ns() - arrived) / 1000)
                self.in_flight -= 1
                if not self.in_flight:
                    self._idle.set()
            await context.abort_with_status(rpc_status.to_status(status))
            raise AssertionError("abort_with_status always raises")

        return grpc.unary_unary_rpc_method_handler(
            handle,
            request_deserializer=GetMessageClass(descriptor.input_type).FromString,
            response_serializer=_to_bytes,
        )


def _to_bytes(response: Message | bytes) -> bytes:
    return response if isinstance(response, bytes) else response.SerializeToString()


def _path(method: MethodDescriptor) -> str:
    return f"{method.containing_service.full_name}/{method.name}"


def _unimplemented(path: str) -> Method:
    async def reject(request: Message, call: CallDeadline) -> Message:
        raise NotSupported(f"{path} is not implemented yet")

    return reject
