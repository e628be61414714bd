"""Lines of the protocol are read as the broker writes them, wherever the network cuts them and whatever they hold."""

import inspect
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio import client
from nats.errors import ProtocolError
from nats.protocol.parser import AWAITING_CONTROL_LINE, Parser

from shared.broker.nats_client import UNPARSED, Client, _Parser, parsed_headers
from tests import hostile


class Recording:
    """Stands for the client: what the parser tells it."""

    def __init__(self) -> None:
        self.messages: list[tuple[Any, ...]] = []
        self.pings = 0

    async def _process_msg(self, *message: Any) -> None:  # noqa: ANN401 - as the parser gives it
        self.messages.append(message)

    async def _process_ping(self) -> None:
        self.pings += 1


def test_headers_beyond_32_kb_are_counted_and_not_parsed() -> None:
    many = b"NATS/1.0\r\nfirst: 1\r\n" + b"".join(b"h%d: v\r\n" % number for number in range(300_000)) + b"\r\n"
    found = parsed_headers(many)
    assert found["first"] == "1"
    assert len(found) < 5000
    kept = sum(len(name) + len(value) + 4 for name, value in found.items() if name != UNPARSED)
    assert abs(int(found[UNPARSED]) + kept - len(many)) < 20
    one = b"NATS/1.0\r\nlong: " + b"x" * 4_000_000 + b"\r\n\r\n"
    assert parsed_headers(one).keys() <= {UNPARSED}


SUBJECTS = [*hostile.subjects(b"news.v1.raw").values(), b"news.v1.submitted"]
ACK = b"$JS.ACK.RAW.extract.1.2.3.4.5"


def lines(subject: bytes, payload: bytes) -> bytes:
    headers = b"NATS/1.0\r\na: b\r\n\r\n"
    sizes = len(headers), len(headers) + len(payload)
    return (
        b"MSG %b 7 %d\r\n%b\r\n" % (subject, len(payload), payload)
        + b"PING\r\n"
        + b"HMSG %b 8 %b %d %d\r\n%b%b\r\n" % (subject, ACK, *sizes, headers, payload)
    )


@pytest.mark.parametrize("subject", SUBJECTS, ids=ascii)
@given(cuts=st.lists(st.integers(min_value=1, max_value=40), min_size=1), payload=st.binary(max_size=60))
async def test_each_message_is_read_whole_however_it_is_cut(subject: bytes, cuts: list[int], payload: bytes) -> None:
    told, data = Recording(), lines(subject, payload) * 2
    parser = _Parser(told)
    position = 0
    for cut in cuts:
        await parser.parse(data[position : position + cut])
        position += cut
    await parser.parse(data[position:])
    headers = b"NATS/1.0\r\na: b\r\n\r\n"
    assert told.messages == [(7, subject, b"", payload, None), (8, subject, ACK, payload, headers)] * 2
    assert told.pings == 2
    assert (parser.state, bytes(parser.buf)) == (AWAITING_CONTROL_LINE, b"")


@pytest.mark.parametrize("line", [b"MSG a\r\n", b"MSG a x 3\r\n", b"HMSG a 1 2\r\n", b"NONSENSE\r\n"], ids=ascii)
async def test_what_no_broker_writes_is_an_error_of_the_protocol(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        await _Parser(Recording()).parse(line)


@pytest.mark.parametrize("block", hostile.header_blocks().values(), ids=hostile.header_blocks())
async def test_any_block_of_headers_can_be_read(block: bytes) -> None:
    connection = Client()
    for stored in (True, False):
        connection._stored = stored  # noqa: SLF001 - as a delivery sets it
        found = await connection._process_headers(block)  # noqa: SLF001
        assert all(isinstance(value, str) for value in (found or {}).values())
    assert all(isinstance(value, str) for value in parsed_headers(block).values())


async def test_only_the_broker_can_say_a_word_of_the_brokers() -> None:
    connection = Client()
    said = {"Status": "100", "Description": "Idle Heartbeat"}
    assert connection._is_control_message(b"", said) == "Idle Heartbeat"  # noqa: SLF001
    connection._stored = True  # noqa: SLF001
    assert connection._is_control_message(b"", said) is None  # noqa: SLF001


def test_the_internals_of_nats_py_that_are_used_are_there() -> None:
    parameters = {
        "_build_message": ["self", "sid", "subject", "reply", "data", "headers"],
        "_process_msg": ["self", "sid", "subject", "reply", "data", "headers"],
        "_process_headers": ["self", "headers"],
        "_is_control_message": ["self", "data", "header"],
        "_parse_header_lines": ["raw"],
    }
    for name, expected in parameters.items():
        assert list(inspect.signature(getattr(client.Client, name)).parameters) == expected
    assert isinstance(client.Client()._ps, Parser)  # noqa: SLF001
    assert list(inspect.signature(Parser.parse).parameters) == ["self", "data"]
    assert vars(Parser()).keys() == {"nc", "buf", "state", "needed", "header_needed", "msg_arg"}
