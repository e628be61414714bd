"""WARC files written by the tests: records with headers and bodies as each crawler leaves them."""

import gzip
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

DATE = "2026-03-01T09:30:00Z"


def record(kind: str, link: str, block: bytes, **headers: str) -> bytes:
    """Return one record of WARC/1.1; underscores in names of headers stand for dashes."""
    given = {
        "WARC-Type": kind,
        "WARC-Target-URI": link,
        "WARC-Date": DATE,
        "WARC-Record-ID": f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, link)}>",
        "Content-Type": "application/http; msgtype=response",
        **{name.replace("_", "-"): value for name, value in headers.items()},
        "Content-Length": str(len(block)),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return b"WARC/1.1\r\n" + head.encode() + b"\r\n" + block + b"\r\n\r\n"


def response(body: bytes, status: str = "200 OK", kind: str = "text/html", **headers: str) -> bytes:
    """Return an HTTP response; underscores in names of headers stand for dashes."""
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{head}\r\n".encode() + body


def chunked(body: bytes, size: int = 100) -> bytes:
    parts = (body[at : at + size] for at in range(0, len(body), size))
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def crawl(count: int, body: str) -> Iterator[bytes]:
    """Yield what a crawler writes of so many pages: for each a request and a response, now and then what is no page."""
    yield record("warcinfo", "", b"software: test\r\n", Content_Type="application/warc-fields")
    for number in range(count):
        link = f"https://harbour-gazette.example/news/{number}"
        page = f"<html><head><title>Lock {number} opens</title></head><body><p>{body}</p><p>No. {number}.</p></body>"
        yield record("request", link, b"GET / HTTP/1.1\r\n\r\n", Content_Type="application/http; msgtype=request")
        yield record("response", link, response(page.encode(), kind="text/html; charset=utf-8"))
        if not number % 10:
            yield record("response", f"{link}/picture", response(b"\x89PNG", kind="image/png"))
            yield record("response", f"{link}/gone", response(b"<p>gone</p>", "404 Not Found"))
            yield record("revisit", link, b"")


def written(path: Path, records: Iterable[bytes]) -> Path:
    """Write a WARC file, as .gz with each record compressed by itself."""
    with path.open("wb") as file:
        for each in records:
            file.write(gzip.compress(each, 1) if path.suffix == ".gz" else each)
    return path
