"""What people hand to the command line becomes submissions, in order, or a message that names the file."""

import json
from pathlib import Path

import pytest

from shared.decoding import decode
from shared.errors import Reason
from shared.messages import MAX_BODY_BYTES, ArticleSubmitted
from wireroom import intake


def submitted(path: Path) -> list[ArticleSubmitted]:
    found = intake.read(intake.find([str(path)]), source="local")
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


def test_a_json_file_is_one_article_or_a_list_of_them(tmp_path: Path) -> None:
    assert len(submitted(file(tmp_path, "one.json", '{"body": "one"}'))) == 1
    assert [a.body for a in submitted(file(tmp_path, "two.json", '[{"body": "one"}, {"body": "two"}]'))] == [
        "one",
        "two",
    ]


def test_what_is_no_json_travels_as_it_is_so_that_the_pipeline_names_the_reason(tmp_path: Path) -> None:
    path = file(tmp_path, "bad.jsonl", b'{"body": \n{"body": "good"}\n')
    bad, good = intake.read(intake.find([str(path)]), source="local")
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
    with pytest.raises(intake.Unreadable, match=name):
        intake.find([str(file(tmp_path, "good.txt", "x")), str(tmp_path / name)])


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
    [submission] = intake.read([str(file(tmp_path, name, content))], source="local")
    assert submission.refusal
    assert submission.refusal.reason is reason
    assert detail in submission.refusal.detail


def test_a_text_as_long_as_an_article_may_be_is_taken_in_any_encoding(tmp_path: Path) -> None:
    text = "The lock. " * (MAX_BODY_BYTES // 10)
    for encoding in ("utf-8", "utf-16", "utf-32"):
        [submission] = intake.read([str(file(tmp_path, f"{encoding}.txt", text.encode(encoding)))], source="local")
        assert submission.refusal is None


def test_a_file_far_too_large_is_refused_without_being_read(tmp_path: Path) -> None:
    with file(tmp_path, "disk.txt", b"").open("wb") as sparse:
        sparse.truncate(1024**4)  # more than any memory
    [submission] = intake.read([str(tmp_path / "disk.txt")], source="local")
    assert submission.refusal
    assert "1,099,511,627,776 bytes" in submission.refusal.detail
