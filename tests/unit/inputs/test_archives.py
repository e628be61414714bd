"""Archives read by `wireroom publish`: WARC, tables, e-mail and zip files, hostile ones too."""

import csv
import gzip
import io
import json
import mailbox
import time
import tracemalloc
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from shared.decoding import decode
from shared.errors import Reason, Rejected
from shared.messages import ArticleSubmitted
from tests.archives.warc_files import chunked, crawl, record, response, written
from wireroom.publisher import json_stream, submissions
from wireroom.publisher.archives import decompression, mail_files, tables, zip_members
from wireroom.publisher.archives.records import BrokenArchive
from wireroom.publisher.archives.warc_records import warc_articles
from wireroom.publisher.input_formats import Format
from wireroom.publisher.submissions import Options, Submission
from wireroom.testing.factories import BODY

LINK = "https://harbour-gazette.example/news/lock"
TITLE = "Größere Schleuse für Karsholm"
PAGE = f"<html><head><title>{TITLE}</title></head><body><p>{BODY}</p></body></html>"


def read(path: Path, **options: Any) -> list[Submission]:  # noqa: ANN401 - fields of Options
    return list(submissions.read(submissions.find([str(path)]), source="local", options=Options("local", **options)))


def articles(found: Iterable[Submission]) -> list[ArticleSubmitted]:
    return [decode(each.data, ArticleSubmitted) for each in found if not each.refusal and not each.skipped]


def refusals(found: Iterable[Submission]) -> list[str]:
    return [f"{each.refusal.reason}: {each.refusal.detail}" for each in found if each.refusal]


def utf8(body: bytes, **headers: str) -> bytes:
    return response(body, kind="text/html; charset=utf-8", **headers)


ENCODED: dict[str, bytes] = {
    "as it is": utf8(PAGE.encode()),
    "in the charset of its header": response(PAGE.encode("cp1252"), kind="text/html; charset=windows-1252"),
    "in a charset that nobody knows": response(PAGE.encode(), kind="text/html; charset=no-such"),
    "as XHTML": response(PAGE.encode(), kind="application/xhtml+xml"),
    "gzip": utf8(gzip.compress(PAGE.encode()), Content_Encoding="gzip"),
    "deflate": utf8(zlib.compress(PAGE.encode()), Content_Encoding="deflate"),
    "deflate without a header": utf8(zlib.compress(PAGE.encode())[2:-4], Content_Encoding="deflate"),
    "brotli": utf8(brotli.compress(PAGE.encode()), Content_Encoding="br"),
    "zstd": utf8(zstandard.compress(PAGE.encode()), Content_Encoding="zstd"),
    "in chunks": utf8(chunked(PAGE.encode()), Transfer_Encoding="chunked"),
    "in chunks of gzip": utf8(
        chunked(gzip.compress(PAGE.encode())), Transfer_Encoding="chunked", Content_Encoding="gzip"
    ),
    "undone by the crawler, its headers kept": utf8(
        PAGE.encode(), Transfer_Encoding="chunked", Content_Encoding="gzip"
    ),
    "undone by the crawler, its headers renamed": utf8(PAGE.encode(), X_Crawler_Content_Encoding="gzip"),
}


@pytest.mark.parametrize("suffix", [".warc", ".warc.gz"])
def test_a_page_of_a_warc_file_is_an_article_however_the_crawler_kept_it(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path / f"a{suffix}", (record("response", LINK, block) for block in ENCODED.values()))
    found = read(path)
    assert refusals(found) == []
    assert [(a.url, a.body, a.media_type, a.guid) for a in articles(found)] == [(LINK, PAGE, "text/html", None)] * len(
        ENCODED
    )
    assert all(each.file == str(path) for each in found)
    assert [a.published_at for a in articles(found)] == [None] * len(ENCODED), "when it was fetched is another time"


def test_what_is_no_page_in_a_warc_file_is_skipped_and_counted(tmp_path: Path) -> None:
    others = [
        record("response", "dns:harbour-gazette.example", b"20260301\n", Content_Type="text/dns"),
        record("response", LINK, b"no HTTP"),
        record("response", LINK, response(PAGE.encode(), "301 Moved Permanently")),
        record("response", LINK, response(PAGE.encode()), WARC_Truncated="length"),
        record("resource", LINK, PAGE.encode(), Content_Type="text/html"),
        record("conversion", LINK, BODY.encode(), Content_Type="text/plain"),
    ]
    path = written(tmp_path / "a.warc.gz", [*crawl(20, BODY), *others])
    found = read(path)
    assert Counter(each.skipped for each in found if each.skipped) == {
        "not_response": 1 + 20 + 3, "not_html": 2, "status": 2 + 1, "revisit": 2, "truncated": 1,
    }  # fmt: skip
    assert len(articles(found)) == 21


BOMB = b"<p>" + b"a" * 20_000_000


@pytest.mark.parametrize(
    ("encoding", "compress"), [("gzip", gzip.compress), ("br", brotli.compress), ("zstd", zstandard.compress)]
)
def test_a_compressed_bomb_in_a_warc_file_is_refused_and_the_next_page_is_taken(
    tmp_path: Path, encoding: str, compress: Callable[[bytes], bytes]
) -> None:
    bomb = utf8(compress(BOMB), Content_Encoding=encoding)
    path = written(tmp_path / "a.warc", [record("response", LINK, bomb), record("response", LINK, ENCODED["gzip"])])
    tracemalloc.start()
    found = read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    [refusal] = refusals(found)
    assert refusal.startswith("too_large: more than ")
    assert len(articles(found)) == 1
    assert peak < 8_000_000


def test_a_warc_file_that_is_cut_or_is_none_is_refused_after_what_came_before(tmp_path: Path) -> None:
    whole = written(tmp_path / "whole.warc.gz", crawl(5, BODY)).read_bytes()
    (tmp_path / "cut.warc.gz").write_bytes(whole[: len(whole) * 3 // 4])
    (tmp_path / "none.warc").write_bytes(b"GIF89a" * 100)
    cut, none = read(tmp_path / "cut.warc.gz"), read(tmp_path / "none.warc")
    assert 0 < len(articles(cut)) < 5
    assert [each.origin for each in none] == [str(tmp_path / "none.warc")]
    assert "no WARC record" in refusals(none)[0]


def test_a_warc_file_is_read_on_from_the_offset_of_a_record(tmp_path: Path) -> None:
    for name in ("a.warc.gz", "a.warc"):
        path = written(tmp_path / name, crawl(5, BODY))
        whole = read(path)
        for at in (3, len(whole) - 1):
            rest = read(path, starts={str(path): whole[at].line or 0})
            assert rest == whole[at:]


def test_a_large_warc_file_takes_the_memory_of_one_page() -> None:
    def chunks() -> Iterable[bytes]:
        yield from crawl(3000, BODY * 20)

    tracemalloc.start()
    count = sum(each.fields is not None for each in warc_articles(iter(chunks())))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 3000
    assert peak < 3_000_000


def test_json_lines_and_texts_are_read_compressed(tmp_path: Path) -> None:
    lines = b"".join(json.dumps({"body": f"{BODY} {n}"}).encode() + b"\n" for n in range(3))
    for name, data in {
        "a.jsonl.gz": gzip.compress(lines[:50]) + gzip.compress(lines[50:]),
        "a.jsonl.zst": zstandard.compress(lines),
        "no-suffix": gzip.compress(lines),
    }.items():
        (tmp_path / name).write_bytes(data)
        found = read(tmp_path / name)
        assert [each.line for each in found] == [1, 2, 3], name
        assert [a.body[-1] for a in articles(found)] == ["0", "1", "2"], name
    (tmp_path / "page.html.gz").write_bytes(gzip.compress(PAGE.encode("cp1252")))
    [article] = articles(read(tmp_path / "page.html.gz"))
    assert (article.media_type, article.body) == ("text/html", PAGE)


def test_a_cut_or_damaged_compressed_file_is_refused_after_what_came_before(tmp_path: Path) -> None:
    lines = b"".join(json.dumps({"body": f"{BODY} {n * 7919}"}).encode() + b"\n" for n in range(5000))
    for name, data, said in (
        ("cut.jsonl.gz", gzip.compress(lines)[:-500], "the gzip file is cut"),
        ("bad.jsonl.gz", b"\x1f\x8b" + b"x" * 500, "no gzip, or a damaged one"),
        ("bad.jsonl.zst", b"\x28\xb5\x2f\xfd" + b"x" * 500, "no Zstandard file, or a damaged one"),
    ):
        (tmp_path / name).write_bytes(data)
        assert said in refusals(read(tmp_path / name))[-1]
    assert len(articles(read(tmp_path / "cut.jsonl.gz"))) > 1000


COLUMNS = {"title": "headline", "body": "text", "published_at": "date", "tags": "topics"}


def csv_file(path: Path, rows: list[list[str]], encoding: str = "utf-8", delimiter: str = ",") -> Path:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_row_of_csv_is_an_article_by_its_columns(tmp_path: Path, encoding: str, delimiter: str) -> None:
    rows = [
        ["url", "headline", "text", "date", "topics", "editor"],
        [LINK, TITLE, "Schleuse offen.\n\nDie Flut ging zurück.", "2026-03-01 09:30", "water; locks", "unused"],
        ["", "", "Second.", "Sun, 01 Mar 2026 10:30:00 +0100", "", ""],
        ["", "", "Third.", "2026-03-02", "", ""],
        [],
        ["", "no text", "", "", "", ""],
        ["", "bad date", "Fifth.", "yesterday", "", ""],
    ]
    found = read(csv_file(tmp_path / "a.csv", rows, encoding, delimiter), columns=COLUMNS)
    first, second, third = articles(found)
    assert (first.url, first.title, first.tags) == (LINK, TITLE, ("water", "locks"))
    assert first.body == "Schleuse offen.\n\nDie Flut ging zurück."
    assert [a.published_at.isoformat() for a in (first, second, third) if a.published_at] == [
        "2026-03-01T09:30:00+00:00", "2026-03-01T10:30:00+01:00", "2026-03-02T00:00:00+00:00",
    ]  # fmt: skip
    assert [said.partition(":")[0] for said in refusals(found)] == ["schema", "schema"]
    assert "published_at" in refusals(found)[1]


def test_columns_that_are_not_there_are_named_with_those_that_are(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "a.csv", [["headline", "text"], ["a", "b"]])
    [said] = refusals(read(path, columns={"body": "story"}))
    assert said == "schema: no column 'story' for body; there are: headline, text"
    [said] = refusals(read(path))
    assert "name it with --column body=NAME" in said


def test_a_row_of_parquet_is_an_article(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from datetime import datetime

    from pyarrow import parquet

    rows = {
        "headline": [f"Lock {n}" for n in range(200)],
        "text": [f"{BODY} {n}" for n in range(200)],
        "date": [datetime(2026, 3, 1, 9, 30)] * 200,  # noqa: DTZ001 - as most tables have it
        "topics": [["water", "locks"]] * 200,
        "embedding": [[0.5] * 8] * 200,
    }
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table(rows), path, row_group_size=50)
    found = read(path, columns=COLUMNS)
    assert [each.line for each in found] == [*range(1, 201)]
    last = articles(found)[-1]
    assert (last.title, last.tags, str(last.published_at)) == (
        "Lock 199",
        ("water", "locks"),
        "2026-03-01 09:30:00+00:00",
    )
    path.write_bytes(path.read_bytes()[:1000])
    assert "no Parquet file, or a damaged one" in refusals(read(path, columns=COLUMNS))[0]


def test_without_pyarrow_parquet_is_refused_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    [said] = refusals(read(tmp_path / "a.parquet"))
    assert "pip install 'wireroom[parquet]'" in said


def message(html: str | None = PAGE, link: str | None = None) -> EmailMessage:
    made = EmailMessage()
    made["Subject"], made["Date"] = TITLE, "Sun, 01 Mar 2026 10:30:00 +0100"
    made["Message-ID"], made["From"] = "<17@harbour-gazette.example>", "news@harbour-gazette.example"
    if link:
        made["Archived-At"] = f"<{link}>"
    made.set_content(BODY)
    if html:
        made.add_alternative(html, subtype="html", charset="iso-8859-1")
    made.add_attachment("<p>attached</p>", subtype="html", filename="other.html")
    return made


def test_an_e_mail_is_an_article_of_its_html_with_subject_date_and_message_id(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(message().as_bytes())
    [article] = articles(read(tmp_path / "a.eml"))
    assert (article.title, article.guid, article.url) == (TITLE, "17@harbour-gazette.example", None)
    assert (article.media_type, article.body.strip()) == ("text/html", PAGE)
    assert str(article.published_at) == "2026-03-01 10:30:00+01:00"
    (tmp_path / "b.eml").write_bytes(message(html=None, link=LINK).as_bytes())
    [plain] = articles(read(tmp_path / "b.eml"))
    assert (plain.media_type, plain.body.strip(), plain.guid, plain.url) == ("text/plain", BODY, None, LINK)


def test_a_charset_of_a_header_that_no_text_is_written_in_is_not_used() -> None:
    subject = b"Subject: =?punycode?q?" + b"a-" + b"b9" * 500_000 + b"?=\n"
    began = time.process_time()
    made = mail_files.message_fields(subject + b"Content-Type: text/plain; charset=punycode\n\nhello \xff")
    assert (made["title"][:16], made["body"]) == ("=?punycode?q?a-b", "hello \u00ff")
    assert time.process_time() - began < 20, "punycode would take ten minutes"


def test_each_message_of_a_mailbox_is_an_article(tmp_path: Path) -> None:
    with_from = message(html=None)
    with_from.clear()
    with_from["Subject"] = "Quoted"
    with_from.set_content(f"{BODY}\n\nFrom here it went on.\n")
    box = mailbox.mbox(tmp_path / "a.mbox")
    for each in (message(), with_from, message(link=LINK)):
        box.add(mailbox.mboxMessage(each))
    box.close()
    found = read(tmp_path / "a.mbox")
    assert [each.line for each in found] == [1, 2, 3]
    first, second, third = articles(found)
    assert (first.title, third.url) == (TITLE, LINK)
    assert "\nFrom here it went on." in second.body


def test_what_a_mailbox_has_beyond_its_bounds_is_refused_in_bounded_memory() -> None:
    def chunks() -> Iterable[bytes]:
        yield b"From a\nSubject: large\n\n"
        yield from (b"x" * 65_536 for _ in range(600))
        yield b"\n"
        yield from (b"x" * 99 + b"\n" for _ in range(400_000))
        yield b"\nFrom b\nSubject: small\n\n" + BODY.encode() + b"\n"

    large, small = mail_files.mbox_articles(iter(chunks()))
    assert large.refusal
    assert large.refusal.reason is Reason.TOO_LARGE
    assert small.fields
    assert small.fields["title"] == "small"


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_the_texts_in_a_zip_file_are_articles_and_what_else_is_in_it_is_skipped(tmp_path: Path) -> None:
    members = {
        "2026/a.html": PAGE.encode("cp1252"),
        "2026/b.txt": BODY.encode(),
        "2026/c.jsonl": json.dumps({"body": BODY, "guid": "c"}).encode() + b"\n",
        "d.eml": message().as_bytes(),
        "picture.png": b"\x89PNG",
        "inner.zip": b"PK\x03\x04",
        "empty.txt": b"",
        "bomb.txt": b"a" * 5_000_000,
    }
    path = zipped(tmp_path / "a.zip", members)
    found = read(path)
    assert [a.body.strip() for a in articles(found)] == [PAGE, BODY, BODY, PAGE]
    assert Counter(each.skipped for each in found if each.skipped) == {"not_text": 2}
    refused = {each.origin: each.refusal.reason for each in found if each.refusal}
    assert refused == {f"{path}/empty.txt": "empty_body", f"{path}/bomb.txt": "too_large"}
    guids = {a.guid for a in articles(found)}
    assert len(guids) == 4, "each member names its article"
    assert {a.guid for a in articles(read(path))} == guids
    unnamed = path.rename(tmp_path / "no-suffix")
    assert len(articles(read(unnamed))) == 4


def test_a_zip_file_is_bounded_before_its_directory_is_read(tmp_path: Path) -> None:
    good = zipped(tmp_path / "a.zip", {"a.txt": BODY.encode()}).read_bytes()
    damaged = good.replace(BODY.encode()[:1], b"?") if BODY.encode()[:1] in good else good[:40] + b"?" + good[41:]
    for name, data, said in (
        ("none.zip", b"x" * 100, "no zip file"),
        ("damaged.zip", damaged, "damaged"),
        ("cut.zip", good[:-30], "no zip file"),
    ):
        (tmp_path / name).write_bytes(data)
        assert said in refusals(read(tmp_path / name))[0], name
    directory = bytearray(b"\0" * 34_000_000 + good)
    at = directory.rindex(b"PK\x05\x06")
    directory[at + 12 : at + 16] = (34_000_000).to_bytes(4, "little")
    (tmp_path / "wide.zip").write_bytes(directory)
    assert "its directory is larger" in refusals(read(tmp_path / "wide.zip"))[0]


def test_a_folder_is_searched_for_every_format(tmp_path: Path) -> None:
    written(tmp_path / "a.warc.gz", crawl(1, BODY))
    (tmp_path / "b.eml").write_bytes(message().as_bytes())
    zipped(tmp_path / "c.zip", {"a.html": PAGE.encode()})
    (tmp_path / "d.jsonl.gz").write_bytes(gzip.compress(json.dumps({"body": BODY}).encode()))
    (tmp_path / "e.png").write_bytes(b"\x89PNG")
    assert len(articles(read(tmp_path))) == 4


def test_a_named_format_counts_more_than_the_name(tmp_path: Path) -> None:
    path = tmp_path / "export.dat"
    path.write_text("title,body\nOne,Text of one.\n")
    assert articles(read(path))[0].media_type == "text/plain"
    [article] = articles(read(path, format=Format.CSV))
    assert (article.title, article.body) == ("One", "Text of one.")


def a_zip_file(members: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return made.getvalue()


READERS: dict[str, Callable[[bytes], object]] = {
    "warc": lambda data: list(warc_articles(iter([data]))),
    "csv": lambda data: list(tables.csv_articles(iter([data]), {})),
    "mbox": lambda data: list(mail_files.mbox_articles(iter([data]))),
    "eml": mail_files.message_fields,
    "gzip": lambda data: list(decompression.gunzip(iter([data]))),
    "zstd": lambda data: list(decompression.unzstd(iter([data]))),
    "http": lambda data: decompression.http_body(data, "chunked", "br, gzip", 10_000),
    "zip": lambda data: [b"".join(member.chunks) for member in zip_members.members(io.BytesIO(data))],
    "json": lambda data: list(json_stream.values(iter([data[:20], data[20:]]), 10_000, named_lines=False)),
    "jsonl": lambda data: list(json_stream.values(iter([data[:20], data[20:]]), 10_000, named_lines=True)),
}
SEEDS = {
    "warc": b"".join(crawl(2, BODY)),
    "csv": b'title,body\na,"b\nc"\n',
    "mbox": b"From a\n" + message().as_bytes(),
    "eml": message().as_bytes(),
    "gzip": gzip.compress(BODY.encode()),
    "zstd": zstandard.compress(BODY.encode()),
    "http": chunked(gzip.compress(PAGE.encode())),
    "zip": a_zip_file({"a.txt": BODY.encode(), "b.html": PAGE.encode()}),
    "json": json.dumps([{"body": BODY}, {"body": BODY}]).encode(),
    "jsonl": json.dumps({"body": BODY}).encode() + b"\n" + json.dumps({"body": BODY}).encode(),
}


def test_a_zip_file_whose_directory_leads_before_its_beginning_is_refused() -> None:
    with pytest.raises(Rejected, match="damaged"):
        READERS["zip"](SEEDS["zip"][1:])


@pytest.mark.parametrize("kind", READERS)
@given(st.data())
def test_no_bytes_make_a_reader_fail_in_another_way_than_with_a_reason(kind: str, data: st.DataObject) -> None:
    seed = SEEDS[kind]
    at, end = sorted((data.draw(st.integers(0, len(seed))), data.draw(st.integers(0, len(seed)))))
    hostile = seed[:at] + data.draw(st.binary(max_size=200)) + seed[end:]
    with suppress(Rejected, BrokenArchive):
        READERS[kind](hostile)
