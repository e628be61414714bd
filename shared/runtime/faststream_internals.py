"""Every internal of FastStream that this project uses, each held by tests/unit/test_faststream_internals.py.

Private modules, imported here and nowhere else:
    ``CallsCollection``, ``NatsSubscriberConfig``, ``NatsSubscriberSpecification`` and its configuration: what
    FastStream's factory makes a subscriber of; it chooses among its own classes, so ours is made here
    ``Registrator.subscriber``: registers a subscriber with its broker
    ``Context``: the annotation of injected parameters, which ``inject`` resolves without FastDepends
    ``parse_handler_params``, ``get_model_schema``, ``resolve_payloads``: JSON Schemas of a handler's message

Private attributes:
    ``NatsBroker._connect``, ``._connection_kwargs``: overridden to connect with our client
    ``NatsBroker.config.connection_state.stream``: the JetStream context
    ``SubscriberUsecase.process_message``: the chain of middlewares and handlers of one message
    ``SubscriberUsecase._call_decorators``: applied to a handler before FastStream wraps it
    ``SubscriberUsecase._build_fastdepends_model``: makes handlers callable without starting the subscriber
    ``PullStreamSubscriber._create_subscription``: overridden to start our own reader
"""

import inspect
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from faststream._internal.broker.registrator import Registrator
from faststream._internal.context import Context
from faststream._internal.endpoint.subscriber.call_item import CallsCollection
from faststream.context import ContextRepo
from faststream.middlewares import AckPolicy
from faststream.nats import JStream, NatsBroker, PullSub
from faststream.nats.subscriber.config import NatsSubscriberConfig, NatsSubscriberSpecificationConfig
from faststream.nats.subscriber.specification import NatsSubscriberSpecification
from faststream.nats.subscriber.usecases.stream_pull_subscriber import PullStreamSubscriber
from faststream.specification.asyncapi.message import get_model_schema, parse_handler_params
from faststream.specification.asyncapi.utils import resolve_payloads, to_camelcase
from faststream.specification.schema import Message, Operation, SubscriberSpec
from faststream.specification.schema.bindings import ChannelBinding, nats
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig
from pydantic import create_model

from shared.topology import Consumer

Handler = Callable[..., Awaitable[Any]]


class ConsumerSpecification(NatsSubscriberSpecification):
    """One channel for each handler, under the subject pattern of the message that it takes."""

    __slots__ = ("decoded", "reads")

    reads: Consumer
    decoded: bool  # or handlers take bytes, and what these are stands in ``reads`` alone

    def get_schema(self) -> dict[str, SubscriberSpec]:
        found = {}
        for call in self.calls:
            assert call.dependant is not None  # noqa: S101 - for the type checker
            name = to_camelcase(call.name)
            prefix = f"{name}:Message"
            if self.decoded:
                payload = parse_handler_params(call.dependant, prefix=prefix)
                model = next(model for model in self.reads.models if model.__name__ == payload["title"])
            else:
                model = self.reads.model
                payload = get_model_schema(create_model(name, message=(model, ...)), prefix=prefix)
            address = model.subject_pattern
            channel = f"{address}:{name}"
            message = Message(title=f"{channel}:Message", payload=resolve_payloads([(payload, name)]))
            operation = Operation(message=message, bindings=None)
            found[channel] = SubscriberSpec(
                address=address,
                description=call.description,
                operation=operation,
                bindings=ChannelBinding(nats=nats.ChannelBinding(subject=address, queue=self.reads.durable)),
            )
        return found


def parts(
    broker: NatsBroker, reads: Consumer, *, decoded: bool = True
) -> tuple[NatsSubscriberConfig, ConsumerSpecification, CallsCollection[Any], dict[str, Any]]:
    """Return what a PullStreamSubscriber of a durable consumer is constructed with."""
    patterns = [model.subject_pattern for model in reads.models]
    subject = patterns[0] if len(patterns) == 1 else ""
    config = NatsSubscriberConfig(
        subject=subject,
        sub_config=ConsumerConfig(filter_subjects=reads.subjects),
        extra_options={"durable": reads.durable, "stream": reads.stream},
        no_reply=True,
        _outer_config=broker.config,  # type: ignore[arg-type] # a composition, as FastStream's own factory is given
        _ack_policy=AckPolicy.MANUAL,  # any other policy answers the broker itself
    )
    calls = CallsCollection[Any]()
    specification = ConsumerSpecification(
        _outer_config=broker.config,  # type: ignore[arg-type] # the same
        calls=calls,
        specification_config=NatsSubscriberSpecificationConfig(
            subject=subject,
            queue=reads.durable,
            filter_subjects=patterns,
            title_=None,
            description_=None,
            include_in_schema=True,
        ),
    )
    specification.reads, specification.decoded = reads, decoded
    rest = {"queue": "", "pull_sub": PullSub(reads.prefetch), "stream": JStream(reads.stream, declare=False)}
    return config, specification, calls, rest


def register(broker: NatsBroker, subscriber: PullStreamSubscriber) -> None:
    Registrator.subscriber(broker, subscriber)


def jetstream(broker: NatsBroker) -> JetStreamContext:
    """Return the broker's JetStream context; only valid once it is connected."""
    js: JetStreamContext = broker.config.connection_state.stream
    return js


def inject(context: Callable[[], ContextRepo]) -> Callable[[Handler], Handler]:
    """Return a decorator that fills a handler's ``Context`` parameters, for a small part of what FastDepends takes.

    Everything else of a handler is its one message; ``Depends`` needs FastDepends and is not resolved.
    """

    def decorate(handler: Handler) -> Handler:
        wanted = dict(_wanted(handler))
        if not wanted:
            return handler

        @wraps(handler)
        async def call(message: object) -> object:
            repository = context()
            given = {name: repository.resolve(key) for name, key in wanted.items()}
            return await handler(message, **given)

        return call

    return decorate


def _wanted(handler: Handler) -> list[tuple[str, str]]:
    """Return the parameters to inject, each with its name in the context."""
    return [
        (name, f"{field.prefix}{field.name or name}")
        for name, parameter in inspect.signature(handler).parameters.items()
        for field in getattr(parameter.annotation, "__metadata__", ())
        if isinstance(field, Context)
    ]
