"""Many questions at once to an engine behind a narrow door, such as QEMU's, all wait their turn."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread

from dockernet_lessons.testbed.engine import Engine

ANSWER = b'{"ApiVersion": "1.45", "Swarm": {"LocalNodeState": "inactive"}}'
REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(ANSWER), ANSWER)


def serve(door: socket.socket) -> None:
    """Take on one caller after another, slowly, and answer each of its questions in the same way."""

    def answer(caller: socket.socket) -> None:
        with caller:
            while caller.recv(65536):
                caller.sendall(REPLY)

    while True:
        try:
            caller, _ = door.accept()
        except OSError:
            return
        time.sleep(0.05)
        Thread(target=answer, args=(caller,), daemon=True).start()


def test_callers_wait_their_turn(tmp_path: Path) -> None:
    """Where the door takes on one at a time, none of twelve is turned away."""
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(tmp_path / "door"))
        door.listen(1)
        Thread(target=serve, args=(door,), daemon=True).start()
        engine = Engine("host1", f"unix://{tmp_path / 'door'}")
        with ThreadPoolExecutor(max_workers=12) as pool:
            assert [job.result() for job in [pool.submit(engine.in_swarm) for _ in range(12)]] == [False] * 12
        engine.close()
        door.shutdown(socket.SHUT_RDWR)
