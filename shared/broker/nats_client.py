"""nats-py's client, made to survive whatever a publisher can put into a subject or a header.

nats-py decodes subjects strictly and splits lines of the protocol at any white space, so one byte that is not UTF-8,
or a vertical tab, ends its reading task or its connection. And it takes a stored message for a word of the broker's
when a publisher gives it the headers of one: an ordered consumer that meets such a message starts again for ever.

What is used of nats-py's internals: ``Client._ps``, ``_build_message``, ``_process_msg``, ``_process_headers``,
``_is_control_message``, and ``Parser`` with its states, held by ``tests/unit/broker/test_nats_client.py``;
``_connect_command``, ``_current_server`` and ``_transport``, held by ``tests/integration/local/test_tls.py``.
"""

from typing import Any

from nats.aio import client
from nats.aio.msg import Msg
from nats.aio.transport import TcpTransport
from nats.errors import Error, ProtocolError
from nats.protocol.parser import AWAITING_CONTROL_LINE, AWAITING_MSG_PAYLOAD, Parser

from shared.broker import nats_address, tls
from shared.settings import TlsSettings

UNPARSED = "wireroom-unparsed-headers"  # bytes of headers that were too many to be parsed
_MOST_PARSED = 32 * 1024
_CRLF = b"\r\n"
_VERSION_LINE = b"NATS/1.0\r\n"
_ACK = b"$JS.ACK."  # how the reply of a message begins that a stream delivers; the broker sets it


async def connect(servers: list[str], **options: Any) -> "Client":  # noqa: ANN401 - as nats-py takes them
    """Connect as ``nats.connect`` does; a user in the addresses is decoded, and has inboxes of its own.

    Addresses with the scheme tls are reached as the settings of TLS say; raises WrongSetting where those are unusable.
    """
    connection, url = Client(), ",".join(servers)
    options = {name: value for name, value in options.items() if name != "tls" or value}
    await connection.connect(nats_address.servers(url), **{**options_of(url), **options})
    return connection


def options_of(url: str) -> dict[str, Any]:
    """Return the options of a client that an address implies: who we are, and TLS; raises WrongSetting."""
    secured = {"tls": tls.context(TlsSettings())} if nats_address.uses_tls(url) else {}
    return {**secured, **nats_address.login(url)}


class Client(client.Client):
    """Bytes of a subject that are not UTF-8 are shown escaped with a backslash; malformed headers are left out."""

    def __init__(self) -> None:
        super().__init__()
        self._ps = _Parser(self)
        self._stored = False  # whether the message that is processed now was delivered by a stream

    def _connect_command(self) -> bytes:
        """Say who we are, but not in plain text to a server that was to be reached by TLS and offers none.

        nats-py leaves it to the server, and so to whoever stands in between. Raises nats.errors.Error.
        """
        plain = isinstance(self._transport, TcpTransport) and not _is_encrypted(self._transport)
        if plain and self._current_server and self._current_server.uri.scheme == "tls":
            raise Error("nats: the server offers no TLS, and the address asks for it")
        return super()._connect_command()

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        self._stored = reply.startswith(_ACK)
        await super()._process_msg(sid, subject, reply, data, headers)

    async def _process_headers(self, headers: bytes | None) -> dict[str, str] | None:
        if not headers:
            return None
        headers = _bounded(headers)
        try:
            return await super()._process_headers(_without_status(headers) if self._stored else headers)
        except (IndexError, UnicodeDecodeError):
            return await super()._process_headers(_without_status(headers))

    def _is_control_message(self, data: bytes, header: dict[str, str]) -> str | None:
        return None if self._stored else super()._is_control_message(data, header)

    def _build_message(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: dict[str, str] | None
    ) -> Msg:
        return self.msg_class(
            subject=subject.decode("utf-8", "backslashreplace"),
            reply=reply.decode("utf-8", "backslashreplace"),
            data=data,
            headers=headers,
            _client=self,
            _sid=sid,
        )


def _is_encrypted(transport: TcpTransport) -> bool:
    writer = transport._io_writer  # noqa: SLF001 - nobody else can say it
    return writer is not None and writer.get_extra_info("ssl_object") is not None


def parsed_headers(block: bytes) -> dict[str, str]:
    """Return the headers of a block that a stream keeps, by the same rules as those of a delivery."""
    return Client._parse_header_lines(_without_status(_bounded(block))[len(_VERSION_LINE) :])  # noqa: SLF001 - our own class


def _bounded(block: bytes) -> bytes:
    """Return a block whose lines beyond the first 32 kB are left out, and counted in a header of its own.

    Four megabytes of short lines take two seconds to parse, on the event loop; our own messages have less than 2 kB.
    """
    if len(block) <= _MOST_PARSED:
        return block
    kept = block[: block.rfind(_CRLF, 0, _MOST_PARSED)]
    return b"%b\r\n%b: %d\r\n\r\n" % (kept, UNPARSED.encode(), len(block) - len(kept))


def _without_status(block: bytes) -> bytes:
    """Return a block of headers without what its first line says beside the version, which only the broker may say."""
    return _VERSION_LINE + block.partition(_CRLF)[2]


class _Parser(Parser):
    """Splits the lines of the protocol at spaces, as the broker writes them; all other lines are nats-py's."""

    async def parse(self, data: bytes = b"") -> None:
        self.buf.extend(data)
        while self.buf:
            if self.state == AWAITING_MSG_PAYLOAD:
                if len(self.buf) < self.needed + len(_CRLF):
                    return
                await self._message()
            elif (end := self.buf.find(_CRLF)) < 0:
                return
            else:
                await self._line(end + len(_CRLF))

    async def _line(self, size: int) -> None:
        line = bytes(self.buf[:size])
        words = line[: -len(_CRLF)].split(b" ")
        if words[0] not in {b"MSG", b"HMSG"}:
            rest, self.buf = self.buf[size:], bytearray(line)
            await super().parse()
            self.buf = rest
            return
        try:
            _, subject, sid, *reply = words[: -1 if words[0] == b"MSG" else -2]
            self.needed = int(words[-1])
            self.header_needed = int(words[-2]) if words[0] == b"HMSG" else 0
            self.msg_arg = {"subject": subject, "sid": int(sid), "reply": reply[0] if reply else b""}
        except ValueError:
            raise ProtocolError("nats: malformed MSG") from None
        del self.buf[:size]
        self.state = AWAITING_MSG_PAYLOAD

    async def _message(self) -> None:
        headers = bytes(self.buf[: self.header_needed]) or None
        payload = bytes(self.buf[self.header_needed : self.needed])
        del self.buf[: self.needed + len(_CRLF)]
        self.state = AWAITING_CONTROL_LINE
        await self.nc._process_msg(  # noqa: SLF001 - the parser is the client's own half
            self.msg_arg["sid"], self.msg_arg["subject"], self.msg_arg["reply"], payload, headers
        )
