"""Reads an event stream from a socket, as it comes."""
import json
import secrets
import socket
import time
from typing import NamedTuple, Optional


class Event(NamedTuple):
    id: Optional[int]
    type: str
    data: dict


def run_id() -> str:
    return secrets.token_hex(16)


class Stream:
    """GET /api/events?run=ID; without a run: of all."""

    def __init__(self, server, run, *headers, receive_buffer=0):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(30)
        self.socket.connect(("127.0.0.1", server.port))
        lines = [f"GET /api/events{f'?run={run}' if run else ''} HTTP/1.1", "Host: x", *headers]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.data = b""
        self.comments = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def head(self) -> str:
        while b"\r\n\r\n" not in self.data:
            more = self.socket.recv(65536)
            assert more, f"closed after {self.data!r}"
            self.data += more
        head, self.data = self.data.split(b"\r\n\r\n", 1)
        self.status = int(head.split()[1])
        return head.decode()

    def next(self, seconds=30) -> Optional[Event]:
        """The next event; None at the end of the stream."""
        end = time.monotonic() + seconds
        while True:
            while b"\n\n" not in self.data:
                self.socket.settimeout(max(end - time.monotonic(), 0.01))
                more = self.socket.recv(65536)
                if not more:
                    assert self.data == b"", f"cut: {self.data!r}"
                    return None
                self.data += more
            block, self.data = self.data.split(b"\n\n", 1)
            fields = {}
            for line in block.decode().split("\n"):
                name, _, value = line.partition(":")
                fields[name] = value.removeprefix(" ")
            if "data" in fields:
                number = int(fields["id"]) if "id" in fields else None
                return Event(number, fields["event"], json.loads(fields["data"]))
            self.comments += "" in fields

    def until(self, wanted, seconds=30) -> list:
        """The events up to one of that type; "" means the end of the stream."""
        events = []
        while not events or events[-1].type != wanted:
            event = self.next(seconds)
            if event is None:
                assert wanted == "", f"ended before {wanted}: {events}"
                break
            events.append(event)
        return events
