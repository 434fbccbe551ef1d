"""The minimum a server can do: a bare grpc.aio server that returns prepared responses.

It receives and returns the same bytes as the real server, so the difference between the two is the engine's work.
"""

import asyncio
import sys
from pathlib import Path

import grpc
import grpc.aio

from benchmarks.load import read_messages

METHOD = "/benchmarks.Echo/Answer"


class _Answers(grpc.GenericRpcHandler):
    """One method, bytes in and bytes out."""

    def __init__(self, answers: dict[bytes, bytes]) -> None:
        self._answers = answers
        self._handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(self._answer)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes] | None":
        return self._handler if handler_call_details.method == METHOD else None

    async def _answer(self, request: bytes, context: "grpc.aio.ServicerContext[bytes, bytes]") -> bytes:
        return self._answers[request]


async def serve(requests: list[bytes], answers: list[bytes]) -> None:
    """Serve on a free local port, which is printed on stdout, until the process is terminated."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((_Answers(dict(zip(requests, answers, strict=True))),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve(read_messages(Path(sys.argv[1])), read_messages(Path(sys.argv[2]))))
