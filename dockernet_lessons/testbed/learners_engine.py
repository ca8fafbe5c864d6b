"""The learner's own Docker Engine, which the ``container`` carrier runs on: plain HTTP, because the SDK loads slowly.

Knows where that engine listens, how to ask it, and how to open a two-way stream to a command in a container. Everything
goes through its API; none of its files or sockets is ever mounted.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import tarfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Any, BinaryIO
from urllib.parse import quote, urlencode, urlsplit

STANDARD_SOCKETS = ("/var/run/docker.sock", "~/.docker/run/docker.sock")
"""Where Docker Engine and Docker Desktop listen, in the order in which they are tried."""

CONNECT_SECONDS = 5.0
LIST_SECONDS = 10.0
"""An engine that cannot list what it has in this time does not answer."""

Stream = tuple[socket.socket, BinaryIO]
"""An open connection: to write to, and to read from."""


class Refused(Exception):
    """The engine answered that it will not, or cannot; ``status`` is HTTP's."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status = status


def address() -> str:
    """Give where the learner's engine listens: ``DOCKER_HOST``, or the first of the standard sockets that exists."""
    if chosen := os.environ.get("DOCKER_HOST"):
        return chosen
    found = [path for name in STANDARD_SOCKETS if (path := Path(name).expanduser()).is_socket()]
    return f"unix://{found[0] if found else STANDARD_SOCKETS[0]}"


class LearnersEngine:
    """An engine at a ``unix://`` or plain ``tcp://`` address.

    >>> LearnersEngine("unix:///nowhere/docker.sock").request("GET", "/_ping")
    Traceback (most recent call last):
    FileNotFoundError: [Errno 2] No such file or directory
    """

    def __init__(self, address: str) -> None:
        self.address = address

    def connect(self) -> socket.socket:
        """Open a connection. Raises ``OSError``."""
        where = urlsplit(self.address)
        if where.scheme == "tcp":
            return socket.create_connection((where.hostname or "localhost", where.port or 2375), CONNECT_SECONDS)
        line = socket.socket(socket.AF_UNIX)
        line.settimeout(CONNECT_SECONDS)
        try:
            line.connect(where.path)
        except OSError:
            line.close()
            raise
        return line

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        timeout: float | None = 60,
        query: Mapping[str, str] | None = None,
    ) -> Any:
        """Ask for one thing and give the answer, decoded where it is JSON.

        Raises ``Refused`` with the engine's own words, and ``OSError`` where it does not answer.
        """
        connection = self._connection(timeout)
        data, headers = (None, {}) if body is None else (json.dumps(body), {"Content-Type": "application/json"})
        try:
            connection.request(method, f"{path}?{urlencode(query or {})}", data, headers)
            return _decoded(*_answer(connection))
        except http.client.HTTPException as error:
            raise ConnectionError(f"not what a Docker Engine answers: {error!r}") from error
        finally:
            connection.close()

    def _connection(self, timeout: float | None) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("docker")
        connection.sock = self.connect()
        connection.sock.settimeout(timeout)
        return connection

    def ids(self, kind: str, label: str) -> list[str]:
        """List what carries the label: the ids of ``containers`` or ``images``, or the names of ``volumes``."""
        query = {"filters": json.dumps({"label": [label]}), **({"all": "1"} if kind == "containers" else {})}
        path = "/volumes" if kind == "volumes" else f"/{kind}/json"
        found = self.request("GET", path, query=query, timeout=LIST_SECONDS)
        if kind == "volumes":
            return [each["Name"] for each in found["Volumes"] or ()]
        return [each["Id"] for each in found]

    def remove(self, kind: str, label: str) -> None:
        """Remove what carries the label, containers with force; what is not there counts as removed."""
        for each in self.ids(kind, label):
            try:
                self.request(
                    "DELETE",
                    f"/{kind}/{quote(each, safe='')}",
                    query={"force": "1", "v": "1"} if kind == "containers" else {"force": "1"},
                )
            except Refused as refused:
                if refused.status != http.client.NOT_FOUND:
                    raise

    def fetch(self, path: str, query: Mapping[str, str]) -> bytes:
        """Get what is no text. Raises ``Refused`` and ``OSError``."""
        connection = self._connection(timeout=60)
        try:
            connection.request("GET", f"{path}?{urlencode(query)}")
            return _answer(connection)[0]
        finally:
            connection.close()

    def await_event(self, filters: Mapping[str, Sequence[str]]) -> bool:
        """Wait until something happens that passes the filters; tell whether it did, or the engine ended before."""
        connection = self._connection(timeout=None)
        try:
            connection.request("GET", f"/events?{urlencode({'filters': json.dumps(filters)})}")
            return connection.getresponse().readline() != b""
        finally:
            connection.close()

    def send(self, path: str, query: Sequence[tuple[str, str]], write: Callable[[IO[bytes]], None]) -> None:
        """Send an archive that ``write`` writes, and wait for what the engine makes of it, however long that takes.

        Raises ``Refused`` with the last that the engine told before it gave up, and ``OSError``.
        """
        reading, writing = os.pipe()
        packing = threading.Thread(target=_write, args=(write, os.fdopen(writing, "wb")))
        packing.start()
        try:
            connection = self._connection(timeout=None)
        except OSError:
            os.close(reading)
            packing.join()
            raise
        try:
            with os.fdopen(reading, "rb") as archive:
                headers = {"Content-Type": "application/x-tar", "Transfer-Encoding": "chunked"}
                connection.request("POST", f"{path}?{urlencode(query)}", archive, headers, encode_chunked=True)
                told = [json.loads(line) for line in _answer(connection)[0].splitlines() if line.startswith(b"{")]
        finally:
            connection.close()
            packing.join()
        if told and "error" in told[-1]:
            before = [line for each in told for line in each.get("stream", "").splitlines() if line.startswith("E: ")]
            raise Refused(http.client.INTERNAL_SERVER_ERROR, ": ".join([told[-1]["error"], *before[:1]]))

    def import_tree(self, root: Path, name: str, tag: str, changes: Sequence[str]) -> None:
        """Make an image of one layer from a folder, as ``docker import`` does; everything in it belongs to root."""
        query = [("fromSrc", "-"), ("repo", name), ("tag", tag), *(("changes", each) for each in changes)]
        self.send("/images/create", query, partial(_pack, root))

    def open_command(
        self, container: str, command: Sequence[str], *, terminal: bool = False, **more: object
    ) -> tuple[str, Stream]:
        """Run a command in a container; give its id and a stream of its input and output, as ``docker exec -i`` has."""
        made = self.request(
            "POST",
            f"/containers/{container}/exec",
            {
                "AttachStdin": True,
                "AttachStdout": True,
                "AttachStderr": True,
                "Tty": terminal,
                "Cmd": list(command),
                **more,
            },
        )
        text = json.dumps({"Detach": False, "Tty": terminal})
        line = self.connect()
        try:
            line.sendall(
                f"POST /exec/{made['Id']}/start HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\n"
                f"Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode()
            )
            line.settimeout(60)
            return made["Id"], (line, _after_headers(line))
        except BaseException:
            line.close()
            raise

    def exit_code(self, command_id: str) -> int:
        """Give how a command that has ended did."""
        return int(self.request("GET", f"/exec/{command_id}/json")["ExitCode"] or 0)


def _answer(connection: http.client.HTTPConnection) -> tuple[bytes, bool]:
    """Give what an engine answers, and whether that is JSON."""
    response = connection.getresponse()
    data = response.read()
    is_json = response.headers.get_content_type() == "application/json"
    if response.status >= http.client.BAD_REQUEST:
        said = data.decode(errors="replace")
        if is_json:
            said = json.loads(said).get("message", said)
        raise Refused(response.status, said.strip())
    return data, is_json


def _decoded(data: bytes, is_json: bool) -> Any:
    text = data.decode(errors="replace")
    try:
        return json.loads(text) if is_json and text else text
    except ValueError:  # a log of progress: one object a line
        return text


def _after_headers(line: socket.socket) -> BinaryIO:
    """Read an answer's headers and give what follows: the stream."""
    stream = line.makefile("rb")
    status = int([*stream.readline().split(), b"", b"0"][1])
    headers = http.client.parse_headers(stream)
    if status not in (http.client.SWITCHING_PROTOCOLS, http.client.OK):
        said = stream.read(int(headers.get("Content-Length", 0))).decode(errors="replace")
        raise Refused(status, said.strip())
    line.settimeout(None)
    return stream


def _write(write: Callable[[IO[bytes]], None], target: IO[bytes]) -> None:
    """Write an archive; an end that listens no longer is the listener's to tell."""
    with suppress(BrokenPipeError), target:
        write(target)


def _pack(root: Path, target: IO[bytes]) -> None:
    """Write a folder as a tar archive."""
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        tar.add(root, arcname=".", filter=_as_root)


def _as_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry
