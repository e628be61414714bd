"""``wireroom user``: publishers and readers of the one-machine stack, each with an account of its own on the broker."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from nats.errors import NoRespondersError
from nats.js.api import AckPolicy
from nats.js.errors import NotFoundError

from services.setup import broker_accounts, credentials, outside_users
from services.setup.broker_accounts import READER_API
from services.setup.outside_users import OutsideUser
from shared.broker.connect import brief_connection
from shared.broker.permissions import OPERATOR
from shared.errors import Unavailable, WrongSetting
from shared.messages import ArticleSubmitted
from shared.topology import NEWS, STORE
from wireroom.cli import subject_arguments
from wireroom.cli.connections import EX_UNAVAILABLE, nats_connection
from wireroom.cli.output import err, fail, json_line, out, table
from wireroom.local import nats_server, stack_state

EX_CHECK = 1
_ANSWER = 2.0  # seconds for the broker to answer a request
_Name = Annotated[str, typer.Argument(callback=subject_arguments.user_name, help="As `wireroom user ls` lists it.")]
_ELSEWHERE = "For a broker of your own, `wireroom user add NAME … --print` prints what to put into its configuration."


def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(callback=subject_arguments.user_name, help="Of the account on the broker.")],
    source: Annotated[
        str | None,
        typer.Option(callback=subject_arguments.source, help="A publisher, of the articles of this source alone."),
    ] = None,
    reader: Annotated[bool, typer.Option("--reader", help="A reader of NEWS, with a durable of its own name.")] = False,
    print_only: Annotated[
        bool, typer.Option("--print", help="Change nothing: print what a broker of your own needs.")
    ] = False,
) -> None:
    """Add a publisher for one source, or a reader, and print its address, with a password that is shown once.

    Examples: `wireroom user add gazette --source harbour-gazette`, `wireroom user add archive --reader`
    """
    if reader == bool(source):
        raise typer.BadParameter("name what the user is: --source SOURCE for a publisher, or --reader")
    user = outside_users.new(name, source)
    if name in outside_users.taken(_added()):
        fail(EX_CHECK, f"The name {name} is taken by Wireroom itself.")
    if print_only:
        _print(user)
        return
    with _changing(_data(context)) as stack:
        if name in stack.users:
            fail(EX_CHECK, f"There is a user {name}. `wireroom user rotate {name}` gives it another password.")
        asyncio.run(_add(stack, user))
    out.print(stack.address(user))
    err.print(f"{_may(user)}. The password is shown this once: keep it now.")


def list_users(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="JSON, one object per line.")] = False
) -> None:
    """List the publishers and readers, without their passwords.

    Example: `wireroom user ls`
    """
    folder = _data(context) / stack_state.CREDENTIALS
    if not folder.is_dir():
        fail(EX_UNAVAILABLE, f"There is no stack in {_data(context)}. {_ELSEWHERE}")
    columns = ("name", "role", "source", "created")
    with _readable(_data(context)):
        users = outside_users.load(folder)
    rows = [(user.name, user.role, user.source, user.created_at) for user in users.values()]
    if as_json:
        for row in rows:
            json_line({"v": 1, **dict(zip(columns, row, strict=True))})
    elif rows:
        table(columns, [tuple(cell or "" for cell in row) for row in rows])
    else:
        err.print("There is no user. `wireroom user add NAME --source SOURCE` makes one.")


def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(callback=subject_arguments.user_name, help="Such as publisher or operator.")],
    database: Annotated[
        bool, typer.Option("--database", help="The address of MongoDB instead of the broker's.")
    ] = False,
) -> None:
    """Print the address, with its password, that one of the installation's own users connects to.

    Examples: `wireroom user show publisher`, `docker compose run --rm tools user show publisher`
    """
    folder = stack_state.credentials_folder(_data(context))
    try:
        address = credentials.own_address(folder, name, "mongo" if database else "nats")
    except OSError as error:
        what = "database user" if database else "user"
        fail(
            EX_UNAVAILABLE,
            f"There is no {what} {name} in {folder}, or its address is not for you: {error.strerror}. "
            "What `user add` and `user rotate` printed is kept by nobody.",
        )
    out.print(address, soft_wrap=True, markup=False, highlight=False)


def revoke(context: typer.Context, name: _Name) -> None:
    """Remove a user: the broker cuts its connections and lets it in no more.

    A reader's place on NEWS goes with it. Example: `wireroom user revoke gazette`
    """
    with _changing(_data(context)) as stack:
        user = stack.known(name)
        asyncio.run(_revoke(stack, user))
    err.print(f"User {name} is revoked.")


def rotate(context: typer.Context, name: _Name) -> None:
    """Give a user another password: the old one is refused from now on.

    Example: `wireroom user rotate gazette`
    """
    with _changing(_data(context)) as stack:
        user = stack.known(name).with_new_password()
        asyncio.run(_apply(stack, {**stack.users, name: user}, lambda: _is_let_in(stack, user)))
    out.print(stack.address(user))
    err.print(f"User {name} needs this password from now on. It is shown this once: keep it now.")


@dataclass(frozen=True)
class _Stack:
    """A running stack whose users are about to be changed; ``process`` is the one of nats-server."""

    data: Path
    process: int
    nats_url: str
    operator_url: str
    users: dict[str, OutsideUser]

    @property
    def folder(self) -> Path:
        return self.data / stack_state.CREDENTIALS

    def address(self, user: OutsideUser) -> str:
        return self.nats_url.replace("//", f"//{user.name}:{user.password}@")

    def known(self, name: str) -> OutsideUser:
        """Return the user, or end with exit code 1."""
        if name not in self.users:
            fail(EX_CHECK, f"There is no user {name}. `wireroom user ls` lists them.")
        return self.users[name]


@contextmanager
def _changing(data: Path) -> Iterator[_Stack]:
    """Have the list of the running stack to ourselves until the block ends, or end with exit code 69."""
    found = stack_state.running(data)
    process = found.processes.get("nats-server") if found and found.guarded else None
    if not (found and process):
        why = "The broker is not up yet, or starts again" if found else f"No stack runs on {data}"
        fail(EX_UNAVAILABLE, f"{why}. `wireroom up` starts one, --data FOLDER names another. {_ELSEWHERE}")
    folder = data / stack_state.CREDENTIALS
    with _readable(data):
        operator_url = credentials.address_file(folder, OPERATOR, "nats").read_text("utf-8")
    with outside_users.locked(folder):
        yield _Stack(data, process, found.nats_url, operator_url, outside_users.load(folder))


@contextmanager
def _readable(data: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        fail(EX_UNAVAILABLE, f"The credentials in {data} are not readable for you: {error.strerror}.")


async def _add(stack: _Stack, user: OutsideUser) -> None:
    if not user.source:
        await _make_durable(stack, user.name)
    await _apply(stack, {**stack.users, user.name: user}, lambda: _is_let_in(stack, user))


async def _revoke(stack: _Stack, user: OutsideUser) -> None:
    rest = {name: other for name, other in stack.users.items() if name != user.name}

    async def is_refused() -> bool:
        return await _asked(stack, user) is None

    await _apply(stack, rest, is_refused)
    if not user.source:
        async with nats_connection(stack.operator_url) as connection:
            try:
                await connection.jetstream(timeout=10).delete_consumer(NEWS, user.name)
            except NotFoundError:
                return


async def _make_durable(stack: _Stack, name: str) -> None:
    """Make what a reader reads from, which it may not itself; one that exists keeps its place and its filter."""
    async with nats_connection(stack.operator_url) as connection:
        js = connection.jetstream(timeout=10)
        try:
            found = (await js.consumer_info(NEWS, name)).config
        except NotFoundError:
            await js.add_consumer(NEWS, replace(STORE, durable=name).config)
            return
    if found.deliver_subject or found.ack_policy != AckPolicy.EXPLICIT:
        fail(EX_CHECK, f"The name {name} is taken: {NEWS} has a consumer of that name that cannot be pulled from.")


async def _apply(stack: _Stack, users: dict[str, OutsideUser], in_force: Callable[[], Awaitable[bool]]) -> None:
    """Keep the users and have the broker take them, or end with exit code 69."""
    added = _added()
    known = credentials.kept(stack.folder, outside_users.own_users(added), ())
    accounts = outside_users.configuration(known.nats, users, added)
    outside_users.save(stack.folder, users)
    if not await nats_server.change_accounts(stack.data, stack.process, accounts, in_force):
        fail(
            EX_UNAVAILABLE,
            "The list is changed, and nats-server has not taken it. `wireroom logs nats-server` may say why; "
            "`wireroom down` and `wireroom up` bring it into force.",
        )


async def _is_let_in(stack: _Stack, user: OutsideUser) -> bool:
    return await _asked(stack, user) is True


async def _asked(stack: _Stack, user: OutsideUser) -> bool | None:
    """Return whether the streams answer this user, or None where the broker does not let it in.

    The submission is for a stream of another name: INBOX answers that, and stores nothing.
    """
    subject = ArticleSubmitted.subject_pattern if user.source else f"{READER_API}.CONSUMER.INFO.{NEWS}.{user.name}"
    headers = {"Nats-Expected-Stream": "none"} if user.source else None
    try:
        async with brief_connection(stack.address(user)) as connection:
            await connection.request(subject, b"", timeout=_ANSWER, headers=headers)
    except WrongSetting:
        return None
    except (NoRespondersError, TimeoutError, Unavailable):
        return False
    return True


def _print(user: OutsideUser) -> None:
    users = {user.name: user}
    block = broker_accounts.addition({user.name: user.password}, outside_users.outsiders(users))
    out.print(block, lines=True)
    err.print(f"{_may(user)}. Nothing was changed: put this into your nats-server's configuration and reload it twice.")
    if not user.source:
        err.print(f"Make its durable {user.name} on {NEWS} first, which it may not itself.")


def _may(user: OutsideUser) -> str:
    if user.source:
        return f"User {user.name} publishes {ArticleSubmitted.subject_pattern} for {user.source}"
    return f"User {user.name} reads durable {user.name} of {NEWS}, with {READER_API} as the prefix of JetStream's API"


def _added() -> tuple[str, ...]:
    from shared.runtime.run import services  # noqa: PLC0415 - the service frameworks are slow to import

    return outside_users.added_services(services())


def _data(context: typer.Context) -> Path:
    data: Path = context.find_root().params["data"]
    return data
