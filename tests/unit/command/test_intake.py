"""What people hand to the command line becomes submissions, in order, or a message that names the file."""

import json
import os
import socket
import tracemalloc
from itertools import chain, repeat
from pathlib import Path

import pytest

from shared.decoding import decode
from shared.errors import Reason
from shared.messages import MAX_BODY_BYTES, ArticleSubmitted
from wireroom.publisher import submissions
from wireroom.publisher.json_stream import values


def submitted(path: Path) -> list[ArticleSubmitted]:
    found = submissions.read(submissions.find([str(path)]), source="local")
    return [decode(submission.data, ArticleSubmitted) for submission in found]


def file(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_text_file_is_one_article_named_by_its_path(tmp_path: Path) -> None:
    path = file(tmp_path, "lock.txt", "The lock opened.")
    [article] = submitted(path)
    assert (article.source, article.body, article.media_type) == ("local", "The lock opened.", "text/plain")
    path.write_text("The lock closed.")
    [changed] = submitted(path)
    assert changed.guid == article.guid, "a changed file is a new version of its article"
    assert str(tmp_path) not in (article.guid or ""), "the path itself stays private"


def test_an_html_file_says_so(tmp_path: Path) -> None:
    [article] = submitted(file(tmp_path, "lock.html", "<p>The lock opened.</p>"))
    assert article.media_type == "text/html"


def test_json_lines_are_articles_in_order_and_an_empty_line_is_none(tmp_path: Path) -> None:
    lines = '{"source": "tide-times", "body": "one"}\n\n{"body": "two"}\n'
    assert [(a.source, a.body) for a in submitted(file(tmp_path, "a.jsonl", lines))] == [
        ("tide-times", "one"),
        ("local", "two"),
    ]


ONE = {"body": "one", "tags": ["a", "b"], "source": "tide-times"}
TWO = {"body": 'two { [ " \u00e9', "source": "tide-times"}
JSON_FORMS = {
    "an object": (json.dumps(ONE), [ONE]),
    "a pretty-printed object": (json.dumps(ONE, indent=2), [ONE]),
    "an object begun on its first line": ('{"source": "tide-times",\n "tags": ["a", "b"], "body": "one"}\n', [ONE]),
    "two pretty-printed objects": (f"{json.dumps(ONE, indent=2)}\n{json.dumps(TWO, indent=4)}\n", [ONE, TWO]),
    "an array": (json.dumps([ONE, TWO]), [ONE, TWO]),
    "a pretty-printed array": (json.dumps([ONE, TWO], indent=1), [ONE, TWO]),
    "an array of one element a line": (f"[\n{json.dumps(ONE)},\n{json.dumps(TWO)}\n]\n", [ONE, TWO]),
    "an empty array": ("[]", []),
    "lines": (f"{json.dumps(ONE)}\n{json.dumps(TWO)}", [ONE, TWO]),
    "lines after empty ones": (f"\n \r\n{json.dumps(ONE)}\r\n\n{json.dumps(TWO)}\r\n", [ONE, TWO]),
}


FORM_OF_FILES = [(form, name) for form in JSON_FORMS for name in ("a.json", "a.jsonl", "unnamed")]
FORM_OF_FILES.remove(("an object begun on its first line", "a.jsonl"))  # named so it has an object on each line


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(("form", "name"), FORM_OF_FILES)
def test_json_in_any_form_is_its_objects(tmp_path: Path, form: str, name: str, encoding: str) -> None:
    text, objects = JSON_FORMS[form]
    found = list(submissions.read([str(file(tmp_path, name, text.encode(encoding)))], source="local"))
    assert [json.loads(submission.data) for submission in found] == objects
    assert not any(submission.refusal for submission in found)


@pytest.mark.parametrize("size", [1, 7, 64, 65536, 65537])
def test_json_is_the_same_however_it_is_cut_into_chunks(size: int) -> None:
    objects = [{"body": "é\U0001f6a2" * 40_000}, ONE, TWO]
    for text in (json.dumps(objects, ensure_ascii=False), "\n".join(map(json.dumps, objects))):
        data = text.encode()[:2_000_000]
        chunks = (data[at : at + size] for at in range(0, len(data), size))
        assert [json.loads(found.data) for found in values(chunks, 10**6)] == objects


def test_what_a_publisher_wrote_stays_as_it_is_but_for_the_source() -> None:
    odd = b'{ "body": "\\ud800 \\/", "n": 1.00, "n": 12345678901234567890 }'
    [found] = values([b"[", odd, b"]"], 1000)
    assert found.data == odd


def test_a_text_that_begins_with_a_bracket_is_a_text(tmp_path: Path) -> None:
    for text in ("[Reuters] The lock opened.", "{{Infobox lock}}", "{ The lock }", "[1] The lock opened."):
        [article] = submitted(file(tmp_path, "unnamed", text))
        assert article.body == text


BROKEN = {
    '[{"body": "one"}, {"body": ': (1, "2", "Expecting value"),
    '[{"body": "one"}, nonsense, {"body": "three"}]': (1, "2", "what follows it is not read"),
    '[{"body": "one"}': (1, "2", "the array has no end"),
    '{\n"body": "one",\n': (0, "1", "Expecting"),
    "[" + '{"a":' * 100_000: (0, "1", "nested too deeply"),
}


@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_json_that_breaks_off_is_refused_with_its_place_and_the_rest_taken(tmp_path: Path, text: str) -> None:
    taken, place, said = BROKEN[text]
    path = file(tmp_path, "a.json", text)
    *good, bad = submissions.read([str(path)], source="local")
    assert len(good) == taken
    assert bad.refusal
    assert (bad.origin, bad.refusal.reason) == (f"{path}:{place}", Reason.NOT_JSON)
    assert said in bad.refusal.detail


def test_a_line_too_long_for_memory_is_refused_and_the_next_is_read() -> None:
    chunks = chain([b'{"body": "one"}\n{"body": "'], repeat(b"x" * 100, 50), [b'"}\n{"body": "three"}'])
    one, long, three = values(chunks, 1000)
    assert (one.number, long.number, three.number, three.data) == (1, 2, 3, b'{"body": "three"}')
    assert long.refusal
    assert long.refusal.detail == "5,012 bytes in one line; at most 1,000 are read"


def test_an_element_too_long_for_memory_ends_an_array() -> None:
    one, long = values(chain([b'[{"body": "one"},{"body": "'], repeat(b"x" * 100_000, 50), [b'"}]']), 100_000)
    assert one.data == b'{"body": "one"}'
    assert long.refusal
    assert "a value of more than 100,000 characters" in long.refusal.detail


@pytest.mark.parametrize("content", [b"", b" \n\n ", b"\xef\xbb\xbf", b"\xff\xfe"])
@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.txt", "unnamed"])
def test_empty_input_is_refused_as_that(tmp_path: Path, name: str, content: bytes) -> None:
    [submission] = submissions.read([str(file(tmp_path, name, content))], source="local")
    assert submission.refusal
    assert submission.refusal.reason is Reason.EMPTY_BODY


def test_a_pipe_is_read_as_what_is_in_it_while_it_is_written(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = submissions.read(submissions.find([str(pipe)]), source="local")
    writer = os.open(pipe, os.O_RDWR)  # which does not wait for a reader
    os.write(writer, b'{"body": "one"}\n')
    assert next(reading).origin == f"{pipe}:1", "a line comes out before the next is written"
    os.write(writer, b'{"body": "two"}\n')
    assert next(reading).data == b'{"source":"local","body": "two"}'
    os.close(writer)


def test_a_file_that_may_not_be_read_is_named_before_anything_is_published(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        with pytest.raises(submissions.Unreadable, match="a socket"):
            submissions.find([str(file(tmp_path, "good.txt", "x")), str(tmp_path / "socket")])
    with pytest.raises(submissions.Unreadable, match="once only"):
        submissions.find(["-", "-"])


def test_a_large_file_takes_the_memory_of_an_article(tmp_path: Path) -> None:
    line = json.dumps({"source": "local", "body": "The lock. " * 1000}).encode()
    for name, head, between, tail in (("a.jsonl", b"", b"\n", b""), ("a.json", b"[", b",", b"]")):
        path = file(tmp_path, name, head + between.join([line] * 4000) + tail)  # 40 MB
        tracemalloc.start()
        assert sum(submission.data == line for submission in submissions.read([str(path)], source="local")) == 4000
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2_000_000


def test_a_json_file_is_one_article_or_a_list_of_them(tmp_path: Path) -> None:
    assert len(submitted(file(tmp_path, "one.json", '{"body": "one"}'))) == 1
    assert [a.body for a in submitted(file(tmp_path, "two.json", '[{"body": "one"}, {"body": "two"}]'))] == [
        "one",
        "two",
    ]


def test_what_is_no_json_travels_as_it_is_so_that_the_pipeline_names_the_reason(tmp_path: Path) -> None:
    path = file(tmp_path, "bad.jsonl", b'{"body": \n{"body": "good"}\n')
    bad, good = submissions.read(submissions.find([str(path)]), source="local")
    assert bad.data == b'{"body": '
    assert (bad.origin, good.origin) == (f"{path}:1", f"{path}:2")


def test_a_folder_is_searched_and_sorted_and_files_of_other_kinds_are_left(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    file(tmp_path / "in", "b.txt", "second")
    file(tmp_path, "a.txt", "first")
    file(tmp_path, "picture.png", b"\x89PNG")
    assert [article.body for article in submitted(tmp_path)] == ["first", "second"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_a_text_of_another_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    text = "Über die Schleuse fährt größtenteils niemand, heißt es in Köln. Die Brücke trägt früher gebaute Züge."
    [article] = submitted(file(tmp_path, "a.txt", text.encode(encoding)))
    assert article.body == text


@pytest.mark.parametrize("name", ["missing.txt", "empty-folder"])
def test_what_cannot_be_read_is_named_before_anything_is_published(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty-folder").mkdir()
    with pytest.raises(submissions.Unreadable, match=name):
        submissions.find([str(file(tmp_path, "good.txt", "x")), str(tmp_path / name)])


def test_a_list_of_json_lines_survives_a_round_trip_with_any_text(tmp_path: Path) -> None:
    body = 'quotes " and \\ and \u2028 and \U0001f6a2'
    [article] = submitted(file(tmp_path, "a.jsonl", json.dumps({"body": body}, ensure_ascii=False)))
    assert article.body == body


REFUSED = [
    ("empty.txt", b"", Reason.EMPTY_BODY, "field body is empty"),
    ("blank.html", b" \n\t", Reason.EMPTY_BODY, "field body is empty"),
    ("picture.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" * 9, Reason.UNSUPPORTED_MEDIA_TYPE, "neither text nor HTML"),
    ("named.txt", b"%PDF-1.7\n%text", Reason.UNSUPPORTED_MEDIA_TYPE, "neither text nor HTML"),
    ("undecodable.txt", bytes(range(128, 256)) * 40, Reason.UNSUPPORTED_MEDIA_TYPE, "neither text nor HTML"),
    (
        "long.txt",
        b"x" * (MAX_BODY_BYTES + 1),
        Reason.TOO_LARGE,
        f"{MAX_BODY_BYTES + 1} bytes, at most {MAX_BODY_BYTES}",
    ),
    (
        "book.html",
        b"x" * (4 * MAX_BODY_BYTES + 1),
        Reason.TOO_LARGE,
        "8,388,609 bytes; an article has at most 2,097,152",
    ),
]


@pytest.mark.parametrize(("name", "content", "reason", "detail"), REFUSED, ids=[name for name, *_ in REFUSED])
def test_a_file_that_ingest_would_set_aside_is_refused_with_the_same_reason(
    tmp_path: Path, name: str, content: bytes, reason: Reason, detail: str
) -> None:
    [submission] = submissions.read([str(file(tmp_path, name, content))], source="local")
    assert submission.refusal
    assert submission.refusal.reason is reason
    assert detail in submission.refusal.detail


def test_a_text_as_long_as_an_article_may_be_is_taken_in_any_encoding(tmp_path: Path) -> None:
    text = "The lock. " * (MAX_BODY_BYTES // 10)
    for encoding in ("utf-8", "utf-16", "utf-32"):
        [submission] = submissions.read([str(file(tmp_path, f"{encoding}.txt", text.encode(encoding)))], source="local")
        assert submission.refusal is None


def test_a_file_far_too_large_is_refused_without_being_read(tmp_path: Path) -> None:
    with file(tmp_path, "disk.txt", b"").open("wb") as sparse:
        sparse.truncate(1024**4)  # more than any memory
    [submission] = submissions.read([str(tmp_path / "disk.txt")], source="local")
    assert submission.refusal
    assert "1,099,511,627,776 bytes" in submission.refusal.detail
