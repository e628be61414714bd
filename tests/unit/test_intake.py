"""What people hand to the command line becomes submissions, in order, or a message that names the file."""

import json
from pathlib import Path

import pytest

from shared.decoding import decode
from shared.messages import ArticleSubmitted
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
