"""python -m lab.speed.sink mails|webhooks [FILE]: a server that accepts all messages and logs their ids."""

import asyncio
import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ANSWERS = {b"EHLO": b"250 sink\r\n", b"QUIT": b"221 bye\r\n", b"DATA": b"354 go on\r\n"}
MESSAGE_ID = re.compile(rb"^Message-ID:\s*(\S+)", re.IGNORECASE | re.MULTILINE)
WEBHOOK_ID = re.compile(rb"^webhook-id:\s*(\S+)", re.IGNORECASE | re.MULTILINE)
LENGTH = re.compile(rb"^content-length:\s*(\d+)", re.IGNORECASE | re.MULTILINE)


async def take_mails(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take mails as an SMTP server does."""
    writer.write(b"220 sink\r\n")
    while line := await reader.readline():
        verb = line[:4].upper()
        writer.write(ANSWERS.get(verb, b"250 OK\r\n"))
        await writer.drain()
        if verb == b"DATA":
            keep(MESSAGE_ID.search(await reader.readuntil(b"\r\n.\r\n")))
            writer.write(b"250 taken\r\n")
            await writer.drain()
        if verb == b"QUIT":
            break


async def take_webhooks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take one POST as an endpoint does."""
    head = await reader.readuntil(b"\r\n\r\n")
    if length := LENGTH.search(head):
        await reader.readexactly(int(length[1]))
    keep(WEBHOOK_ID.search(head))
    writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
    await writer.drain()


TAKES = {"mails": take_mails, "webhooks": take_webhooks}


def keep(named: re.Match[bytes] | None) -> None:
    """Write the id of a message to the file, if one was given; called before the message is acknowledged."""
    if len(sys.argv) > 2 and named:
        with Path(sys.argv[2]).open("ab") as stream:
            stream.write(named[1] + b"\n")


async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve one sender, which may be killed; an incomplete message is not accepted."""
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        await TAKES[sys.argv[1]](reader, writer)
    writer.close()


async def serve() -> None:
    """Serve on a free port, which is printed."""
    server = await asyncio.start_server(converse, "127.0.0.1", 0, limit=1 << 20, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


@contextmanager
def sink(what: str, *kept: Path) -> Iterator[int]:
    """Run the server in its own process; yield its port. what: key of TAKES; kept: file for the messages' ids."""
    command = [sys.executable, "-m", "lab.speed.sink", what, *map(str, kept)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None  # noqa: S101 (for the type checker)
            yield int(process.stdout.readline())
        finally:
            process.terminate()


if __name__ == "__main__":
    asyncio.run(serve())
