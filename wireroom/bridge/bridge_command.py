"""``wireroom bridge``: submissions from RabbitMQ, Redis or Kafka, and extracted articles to them."""

import asyncio
import signal
from collections import Counter
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from shared.settings import Settings
from wireroom.bridge.addresses import Address, parsed
from wireroom.cli import subject_arguments
from wireroom.cli.connections import lasting_nats_connection
from wireroom.cli.output import err, fail

if TYPE_CHECKING:
    from wireroom.bridge.foreign_brokers import ForeignBroker

EX_UNAVAILABLE = 69


def bridge(
    origin: Annotated[
        str | None, typer.Option("--from", help="Read submissions from this queue, stream or topic.")
    ] = None,
    destination: Annotated[str | None, typer.Option("--to", help="Write extracted articles to this one.")] = None,
    source: Annotated[
        str, typer.Option(callback=subject_arguments.own_source, help="Source of submissions that name none.")
    ] = "local",
) -> None:
    """Connect RabbitMQ, Redis streams or Kafka: submissions come from them, extracted articles go to them.

    A message is acknowledged at its source once its destination has it on disk. What is no submission goes to
    NAME.rejected of the same broker with its reason. Needs `pip install 'wireroom[bridge]'`.

    Examples: `wireroom bridge --from redis://localhost/submissions`,
    `wireroom bridge --from amqp://user:password@rabbit/incoming --to kafka://kafka:9092/articles`
    """
    if not (origin or destination):
        raise typer.BadParameter("give --from, --to, or both")
    try:
        from_there, to_there = (parsed(text) if text else None for text in (origin, destination))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    counts = asyncio.run(_run(from_there, to_there, source))
    err.print("   ".join(f"{what} {number}" for what, number in sorted(counts.items())) or "nothing came")


async def _run(origin: Address | None, destination: Address | None, source: str) -> Counter[str]:
    """Transfer until SIGINT or SIGTERM; returns how many messages were submitted, rejected and sent."""
    from wireroom.bridge.transfer import ArticlesOut, SubmissionsIn  # noqa: PLC0415 - FastStream

    counts, stop = Counter[str](), asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with AsyncExitStack() as stack:
        connection = await stack.enter_async_context(lasting_nats_connection(Settings().nats_url, _quiet, _quiet))
        js = connection.jetstream(timeout=10)
        ends = asyncio.create_task(stop.wait())
        tasks = {ends}
        if origin:
            foreign = _client(origin)
            foreign.subscribe(SubmissionsIn(origin, foreign, js, source, counts).take)
            await _start(stack, foreign, origin)
        if destination:
            foreign = _client(destination)
            await _start(stack, foreign, destination)
            tasks.add(asyncio.create_task(ArticlesOut(destination, foreign, js, counts).run()))  # type: ignore[arg-type]
        err.print(f"bridge: {origin.shown if origin else 'NATS'} -> {destination.shown if destination else 'NATS'}")
        done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for task in done:
            task.result()
    return counts


def _client(address: Address) -> "ForeignBroker":
    try:
        from wireroom.bridge.foreign_brokers import opened  # noqa: PLC0415

        return opened(address)
    except ModuleNotFoundError as error:
        fail(EX_UNAVAILABLE, f"{error}: pip install 'wireroom[bridge]'.")


async def _start(stack: AsyncExitStack, foreign: "ForeignBroker", address: Address) -> None:
    try:
        await foreign.start()
    except foreign.errors as error:
        fail(EX_UNAVAILABLE, f"{address.shown} is not reachable: {error}.")
    stack.push_async_callback(foreign.stop)


async def _quiet() -> None:
    """The handlers tell what an outage keeps from going on."""
