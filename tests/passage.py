"""A passage for a browser into a container without a network: joins a port of 127.0.0.1 and a unix socket, either way.

Runs on both sides, ``python passage.py LISTEN TARGET``, where a number is a port and all else the path of a socket.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry bytes one way until there are no more."""
    with suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


async def main(listen: str, target: str) -> None:
    """Join everyone who connects with the target."""

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if target.isdigit():
                there = await asyncio.open_connection("127.0.0.1", int(target))
            else:
                there = await asyncio.open_unix_connection(target)
            await asyncio.gather(carry(reader, there[1]), carry(there[0], writer))
            there[1].close()
        except OSError:  # nobody is there yet
            pass
        writer.close()

    if listen.isdigit():
        server = await asyncio.start_server(join, "127.0.0.1", int(listen))
    else:
        server = await asyncio.start_unix_server(join, listen)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
