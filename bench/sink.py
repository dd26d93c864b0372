"""python -m bench.sink [FILE]: a mail server that takes everything and keeps the ids of mails, if a file is named."""

import asyncio
import contextlib
import re
import sys
from pathlib import Path

ANSWERS = {b"EHLO": b"250 sink\r\n", b"QUIT": b"221 bye\r\n", b"DATA": b"354 go on\r\n"}


MESSAGE_ID = re.compile(rb"^Message-ID:\s*(\S+)", re.IGNORECASE | re.MULTILINE)


async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 sink\r\n")
    while line := await reader.readline():
        verb = line[:4].upper()
        writer.write(ANSWERS.get(verb, b"250 OK\r\n"))
        await writer.drain()
        if verb == b"DATA":
            try:
                keep(await reader.readuntil(b"\r\n.\r\n"))
            except (asyncio.IncompleteReadError, ConnectionError):  # the sender is gone: nothing was taken
                break
            writer.write(b"250 taken\r\n")
            await writer.drain()
        if verb == b"QUIT":
            break
    writer.close()


async def converse_or_be_left(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A sender that is killed says no goodbye."""
    with contextlib.suppress(ConnectionError):
        await converse(reader, writer)


def keep(mail: bytes) -> None:
    """What a server has promised to deliver, before it says so."""
    if len(sys.argv) > 1 and (named := MESSAGE_ID.search(mail)):
        with Path(sys.argv[1]).open("ab") as stream:
            stream.write(named[1] + b"\n")


async def serve() -> None:
    server = await asyncio.start_server(converse_or_be_left, "127.0.0.1", 0, limit=1 << 20)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
