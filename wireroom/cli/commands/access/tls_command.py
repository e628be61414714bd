"""``wireroom tls``: a small private certificate authority for the servers and clients of one installation."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from wireroom.cli import subject_arguments
from wireroom.cli.output import err, fail, out

EX_UNAVAILABLE = 69
_Folder = Annotated[Path, typer.Argument(help="Where the authority is; its ca.key signs whatever it is asked to.")]
_Days = Annotated[int, typer.Option(min=1, max=3650, help="For how long certificates are good.")]


def make_ca(
    folder: _Folder,
    server: Annotated[
        list[str] | None, typer.Option(help="Name or address that clients connect to; again for more.")
    ] = None,
    days: _Days = 397,
) -> None:
    """Make an authority with certificates for one server, `server.pem`, and one client, `client.pem`.

    Example: `wireroom tls make-ca tls --server queue.example --server 10.0.0.5`
    """
    from wireroom.ops import private_ca  # noqa: PLC0415 - it takes a tenth of a second to import

    hosts = server or ["localhost", "127.0.0.1"]
    try:
        if not private_ca.make(folder):
            fail(1, f"There is an authority in {folder}. `wireroom tls issue {folder} NAME` makes more certificates.")
        private_ca.issue(folder, "server", hosts, timedelta(days=days))
        private_ca.issue(folder, "client", [], timedelta(days=days))
    except OSError as error:
        fail(EX_UNAVAILABLE, f"{error.filename} cannot be written: {error.strerror}.")
    out.print(f"{folder}/ca.pem      what both sides trust")
    out.print(f"{folder}/server.pem  certificate and key of a server at {', '.join(hosts)}, for {days} days")
    out.print(f"{folder}/client.pem  certificate and key of a client, for {days} days")
    err.print(f"Keep {folder}/ca.key to yourself: whoever has it can be any server. Move it off this machine.")


def issue(
    folder: _Folder,
    name: Annotated[str, typer.Argument(callback=subject_arguments.user_name, help="Of the certificate and its file.")],
    host: Annotated[list[str] | None, typer.Option(help="A server's: name or address; none: a client's.")] = None,
    days: _Days = 397,
) -> None:
    """Write a certificate with its key, signed by the authority of a folder; one of that name is replaced.

    Examples: `wireroom tls issue tls store`, `wireroom tls issue tls mongo --host mongo.example`
    """
    from wireroom.ops import private_ca  # noqa: PLC0415 - it takes a tenth of a second to import

    if name == "ca":
        raise typer.BadParameter("that is the name of the authority")
    try:
        path = private_ca.issue(folder, name, host or [], timedelta(days=days))
    except OSError as error:
        fail(EX_UNAVAILABLE, f"{error.filename}: {error.strerror}. `wireroom tls make-ca {folder}` makes an authority.")
    out.print(str(path))
