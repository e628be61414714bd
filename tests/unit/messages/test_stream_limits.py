"""What the streams promise: nothing unread is dropped, deliveries are bounded by us, room for the largest article."""

import json

from nats.js.api import AckPolicy, DiscardPolicy, RetentionPolicy, StoreCompression

from shared.messages import MAX_BODY_BYTES, MESSAGES
from shared.topology import CONSUMERS, MAX_MESSAGE_BYTES, MAX_PAYLOAD, stream_of, streams
from tests.paths import ROOT

STREAMS = {stream.name: stream for stream in streams()}


def test_a_full_stream_refuses_its_publisher_and_drops_nothing() -> None:
    assert all(stream.discard is DiscardPolicy.NEW and stream.max_bytes for stream in STREAMS.values())


def test_no_stream_is_compressed_because_a_killed_broker_could_not_read_its_copy_again() -> None:
    assert all(stream.compression in {None, StoreCompression.NONE} for stream in STREAMS.values())


def test_consumers_answer_each_message_and_never_stop_being_delivered_to() -> None:
    for consumer in CONSUMERS:
        assert consumer.config.ack_policy is AckPolicy.EXPLICIT
        assert consumer.config.max_deliver == -1, "reaching max_deliver is silent loss"
        assert consumer.prefetch <= consumer.max_ack_pending


def test_every_message_has_a_stream_and_only_the_inbox_forgets_what_was_read() -> None:
    assert [stream_of(model) for model in MESSAGES] == ["INBOX", "RAW", "NEWS", "NEWS", "NEWS", "MATCHED"]
    work_queues = [name for name, stream in STREAMS.items() if stream.retention is RetentionPolicy.WORK_QUEUE]
    assert work_queues == ["INBOX"]


def test_a_letter_has_room_for_the_largest_message_and_its_headers() -> None:
    assert STREAMS["DEAD"].max_msg_size == MAX_PAYLOAD > MAX_MESSAGE_BYTES
    assert all(stream.max_msg_size == MAX_MESSAGE_BYTES for name, stream in STREAMS.items() if name != "DEAD")


def test_the_largest_body_of_plain_text_fits_even_when_its_quotes_are_escaped() -> None:
    assert len(json.dumps({"body": '"x' * (MAX_BODY_BYTES // 2)})) < MAX_MESSAGE_BYTES


def test_the_broker_configurations_take_what_the_streams_take() -> None:
    configuration = (ROOT / "deploy/nats.conf").read_text()
    assert f"max_payload: {MAX_PAYLOAD // 1024**2}MB" in configuration
    assert "sync_interval: always" in configuration
    reserved = sum(stream.max_bytes or 0 for stream in STREAMS.values())
    assert "max_file_store: 26GB" in configuration
    assert 2 * reserved < 26 * 1024**3
