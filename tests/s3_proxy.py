"""A proxy before an S3 server that misbehaves on purpose: it refuses, forgets, cuts off."""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import SplitResult, urlsplit

ERROR = """<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>{code}</Code><Message>{message}</Message></Error>"""


@dataclass
class Fault:
    """What is done to the requests that it applies to."""

    applies: Callable[[str, str], bool] = lambda method, path: False
    """Told the method and the path, in the order in which requests come."""
    status: int | None = None
    """Answered in place of the server, with `code`."""
    code: str = "ServiceUnavailable"
    is_answer_lost: bool = False
    """The server gets the request, the client no answer."""
    is_cut: bool = False
    """The client's connection ends in the middle of the request."""
    hides: str | None = None
    """A header that the server does not get to see."""
    gate: Callable[[], Any] = lambda: None
    """Called in the request's own thread, before it is passed on."""
    seen: int = 0


class Handler(BaseHTTPRequestHandler):
    """Passes a request on to the target, or does to it what the fault says."""

    protocol_version = "HTTP/1.1"
    fault: Fault
    target: SplitResult
    lock: threading.Lock

    def log_message(self, *arguments: Any) -> None:
        """Nothing: tests are quiet."""

    def _handle(self) -> None:
        with self.lock:
            hit = self.fault.applies(self.command, self.path)
            self.fault.seen += hit
        length = int(self.headers.get("Content-Length", 0))
        if hit and self.fault.is_cut:
            self.rfile.read(length // 2)
            self.close_connection = True
            return
        body = self.rfile.read(length)
        if hit and self.fault.status is not None:
            content = ERROR.format(code=self.fault.code, message="x").encode()
            self._answer(self.fault.status, {}, content)
            return
        if hit:
            self.fault.gate()
        self._pass_on(body, hit)

    def _pass_on(self, body: bytes, hit: bool) -> None:
        hidden = self.fault.hides if hit else None
        headers = {name: value for name, value in self.headers.items() if name != hidden}
        connection = http.client.HTTPConnection(str(self.target.hostname), self.target.port)
        connection.request(self.command, self.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if hit and self.fault.is_answer_lost:
            self.close_connection = True
            return
        self._answer(answer.status, dict(answer.getheaders()), content)

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response_only(status)
        kept = {name.lower(): value for name, value in headers.items()}
        size = kept.pop("content-length", "0") if self.command == "HEAD" else str(len(content))
        for name in ("connection", "transfer-encoding", "content-length"):
            kept.pop(name, None)
        for name, value in (*kept.items(), ("Content-Length", size)):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _handle  # noqa: N815


@dataclass(frozen=True)
class Proxy:
    """A running proxy."""

    endpoint: str
    fault: Fault

    def set(self, **fault: Any) -> None:
        """Misbehave in another way from now on."""
        for name, value in {**vars(Fault()), **fault}.items():
            setattr(self.fault, name, value)

    def mend(self) -> None:
        """Pass everything from now on."""
        self.set()


class Server(ThreadingHTTPServer):
    """Takes many connections at once, and says nothing of those that break."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was cut off is no error of the test."""


@contextmanager
def proxy(target: str) -> Iterator[Proxy]:
    """A proxy before an S3 server, on a port of its own."""
    fault = Fault()
    own = {"fault": fault, "target": urlsplit(target), "lock": threading.Lock()}
    server = Server(("127.0.0.1", 0), type("Own", (Handler,), own))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Proxy(f"http://127.0.0.1:{server.server_address[1]}", fault)
    finally:
        server.shutdown()
        server.server_close()
