"""A connection to the broker that sends and reads any bytes: nats-py refuses some of what a hostile publisher sends."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count
from urllib.parse import urlsplit

import orjson

from shared.broker.nats_address import Login, login
from shared.topology import MAX_PAYLOAD

Heard = Callable[[bytes, bytes], None]  # subject and data of a message

_OPTIONS = {"verbose": False, "pedantic": False, "headers": True, "no_responders": True}
_REPLIES = b"_INBOX.raw"
_LONGEST_LINE = 2**16
_PATIENCE = 20.0  # seconds for one answer of the broker
_NO_MESSAGE = 10037  # JetStream: there is none in this place


@dataclass(frozen=True)
class Publication:
    """One message, byte for byte; ``headers`` is the whole block, None where there is none."""

    name: str
    subject: bytes
    data: bytes = b""
    headers: bytes | None = None


@dataclass(frozen=True)
class Place:
    """Where the broker has put a publication; a duplicate is where the first of the same ``Nats-Msg-Id`` is."""

    stream: str
    sequence: int
    duplicate: bool = False


@dataclass(frozen=True)
class Kept:
    """What a stream has in one place."""

    data: bytes
    headers: dict[str, str]


class Refused(Exception):  # noqa: N818 - the broker's answer to a publication
    """The broker did not take it: a bad control header, too large, no stream."""


class RawConnection:
    """Made by ``connected``. One connection for many publications and readers at once."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, user: Login) -> None:
        self._reader, self._writer = reader, writer
        self._greeting = _OPTIONS | {"user": user.get("user", ""), "pass": user.get("password", "")}
        self._numbers = count(1)
        self._waiting: dict[bytes, asyncio.Future[bytes]] = {}
        self._heard: dict[bytes, Heard] = {}

    def greet(self) -> None:
        """Log in and listen to answers: before anything else is written, or the broker ends the connection."""
        answers = b"0"
        self._writer.write(b"CONNECT %b\r\nSUB %b.* %b\r\n" % (orjson.dumps(self._greeting), _REPLIES, answers))

    async def publish(self, publication: Publication) -> Place:
        """Return once the broker has it on disk; raises Refused."""
        if len(publication.data) + len(publication.headers or b"") > MAX_PAYLOAD:
            raise Refused("the broker would close the connection for it")
        answer = await self._ask(publication)
        if answer.startswith(b"NATS/1.0"):
            raise Refused(answer.split(b"\r\n")[0].decode("latin-1"))
        said = json.loads(answer)
        if "error" in said:
            raise Refused(said["error"]["description"])
        return Place(said["stream"], said["seq"], said.get("duplicate", False))

    async def kept(self, stream: str, sequence: int) -> Kept | None:
        """Return what a stream has in a place, also where no client could read it; None where there is nothing."""
        asked = Publication("", f"$JS.API.STREAM.MSG.GET.{stream}".encode(), json.dumps({"seq": sequence}).encode())
        said = json.loads(await self._ask(asked))
        if "error" in said:
            if said["error"].get("err_code") == _NO_MESSAGE:
                return None
            raise Refused(said["error"]["description"])
        message = said["message"]
        block = base64.b64decode(message.get("hdrs", ""))
        return Kept(base64.b64decode(message.get("data", "")), _headers(block))

    async def last(self, stream: str) -> int:
        """Return the highest place that a stream has given."""
        said = json.loads(await self._ask(Publication("", f"$JS.API.STREAM.INFO.{stream}".encode())))
        return int(said["state"]["last_seq"])

    def listen(self, subject: bytes, heard: Heard) -> None:
        """Call ``heard`` with each message that is published on the subject from now on."""
        number = b"%d" % next(self._numbers)
        self._heard[number] = heard
        self._writer.write(b"SUB %b %b\r\n" % (subject, number))

    async def _ask(self, publication: Publication) -> bytes:
        reply = b"%b.%d" % (_REPLIES, next(self._numbers))
        self._waiting[reply] = answered = asyncio.Future[bytes]()
        self._writer.write(_command(publication, reply))
        await self._writer.drain()
        try:
            async with asyncio.timeout(_PATIENCE):
                return await answered
        finally:
            del self._waiting[reply]

    async def read(self) -> None:
        """Take what the broker sends until cancelled; raises ConnectionError if the broker ends the connection."""
        while line := await self._reader.readline():
            words = line.split(b" ")
            match words[0]:
                case b"PING\r\n":
                    self._writer.write(b"PONG\r\n")
                case b"MSG" | b"HMSG":
                    payload = (await self._reader.readexactly(int(words[-1]) + 2))[:-2]
                    self._take(words[1], words[2], payload, int(words[-2]) if words[0] == b"HMSG" else 0)
                case b"-ERR":
                    raise ConnectionError(line.decode("latin-1").strip())
        raise ConnectionError("the broker has closed the connection")

    def _take(self, subject: bytes, number: bytes, payload: bytes, headers: int) -> None:
        if heard := self._heard.get(number):
            heard(subject, payload[headers:])
        elif (waiting := self._waiting.get(subject)) and not waiting.done():
            waiting.set_result(payload)

    def fail(self, reading: "asyncio.Task[None]") -> None:
        """Tell all who wait why no answer will come."""
        error = None if reading.cancelled() else reading.exception()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(error or ConnectionError("the connection is closed"))


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[RawConnection]:
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port, limit=_LONGEST_LINE)
    connection = RawConnection(reader, writer, login(url))
    connection.greet()
    reading = asyncio.create_task(connection.read())
    reading.add_done_callback(connection.fail)
    try:
        yield connection
    finally:
        reading.cancel()
        await asyncio.wait({reading})
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def block(*lines: bytes, first: bytes = b"NATS/1.0") -> bytes:
    """Return a block of headers of these lines, each as it is."""
    return b"\r\n".join((first, *lines, b"", b""))


def _command(publication: Publication, reply: bytes) -> bytes:
    size = len(publication.data)
    if publication.headers is None:
        return b"PUB %b %b %d\r\n%b\r\n" % (publication.subject, reply, size, publication.data)
    line = b"HPUB %b %b %d %d\r\n"
    sizes = (len(publication.headers), len(publication.headers) + size)
    return line % (publication.subject, reply, *sizes) + publication.headers + publication.data + b"\r\n"


def _headers(block: bytes) -> dict[str, str]:
    pairs = (line.decode("latin-1").partition(":") for line in block.split(b"\r\n")[1:] if line)
    return {name: value.strip() for name, _, value in pairs}
