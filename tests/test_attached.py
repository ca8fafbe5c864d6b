"""What a command in a container prints comes whole, however the engine's connection cuts it."""

from __future__ import annotations

import json
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer

import pytest

from dockernet_lessons.errors import CommandFailed
from dockernet_lessons.testbed.engine import Engine

UPGRADED = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
LONG = b"a line of many\n" * 20_000
Answering = Callable[[Sequence[bytes], float], Engine]


def frame(stream: int, data: bytes) -> bytes:
    """Give a frame as the Engine's API has it: which output, how many bytes, and these."""
    return struct.pack(">BxxxL", stream, len(data)) + data


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[Answering]:
    """Give what makes an engine that answers a command with these pieces, each sent at once, a pause between them."""
    servers = []

    def make(pieces: Sequence[bytes], pause: float = 0.05) -> Engine:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _say(self, what: object) -> None:
                text = json.dumps(what).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def do_GET(self) -> None:
                self._say({"ApiVersion": "1.47", "ExitCode": 3})

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                if not self.path.endswith("/start"):
                    self._say({"Id": "one"})
                    return
                for piece in pieces:
                    self.connection.sendall(piece)
                    time.sleep(pause)
                self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingUnixStreamServer(str(tmp_path / "docker.sock"), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        engine = Engine("host1", f"unix://{tmp_path / 'docker.sock'}")
        servers.append((server, engine))
        return engine

    yield make
    for server, engine in servers:
        engine.close()
        server.shutdown()
        server.server_close()


WHOLE = frame(1, b"out\n") + frame(2, b"error\n") + frame(1, LONG)
CUTS = {
    "with the answer": [UPGRADED + WHOLE],
    "some with the answer": [UPGRADED + WHOLE[:5], WHOLE[5:]],
    "after the answer": [UPGRADED, WHOLE],
    "in the middle": [UPGRADED, WHOLE[:15], WHOLE[15:30], WHOLE[30:]],
}


@pytest.mark.parametrize("pieces", CUTS.values(), ids=CUTS)
def test_all_of_it_comes(answering: Answering, pieces: Sequence[bytes]) -> None:
    """Both outputs and the exit code, wherever one piece ends and the next begins."""
    done = answering(pieces, 0.05).execute("web", ["true"], seconds=10)
    assert (done.stdout, done.stderr, done.exit_code) == ("out\n" + LONG.decode(), "error\n", 3)


def test_what_does_not_end_is_given_up(answering: Answering) -> None:
    """Whatever it has said so far."""
    with pytest.raises(CommandFailed, match=r"did not end within 0\.3 s"):
        answering([UPGRADED + frame(1, b"begun\n"), b""], 5).execute("web", ["sleep", "9"], seconds=0.3)
