"""What anyone may publish is really taken by the broker: each publication of ``tests/hostile.py``, byte for byte."""

from nats.aio.client import Client

from tests import hostile


async def test_the_broker_takes_each_hostile_publication(broker: Client) -> None:
    publications = hostile.everything()
    answers = await hostile.put(broker, publications)
    assert len(answers) == len(publications), "each has a name of its own"
    assert {name: answer for name, answer in answers.items() if isinstance(answer, str)} == {}
    for bucket in ("withdrawn", "letters", "suspects", "furniture"):
        assert (await broker.jetstream().stream_info(f"KV_{bucket}")).state.messages > 60
