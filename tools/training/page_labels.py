"""Labels of the lines of a page, by line number and checksum, so that they hold none of its text.

Someone read the page line by line. With the page itself, which is to be had elsewhere, marks become a record of a pack.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from zlib import crc32

from services.extract.clean.html.blocks import Page, read
from services.extract.clean.html.elements import parse
from services.extract.clean.html.page_metadata import head_of
from services.extract.clean.rules.vocabulary import Vocabulary
from tools.training.alignment import align

Marks = Mapping[str, Any]


class OtherPage(Exception):  # noqa: N818 - what is wrong
    """The page is not the one that was read."""


def packed(
    pages: Iterable[Mapping[str, Any]], marks: Iterable[Marks], vocabulary: Vocabulary
) -> Iterator[dict[str, Any]]:
    """Yield a record for each page that has marks; raise OtherPage if its text is not the one they were made on."""
    read_ones = {mark["id"]: mark for mark in marks}
    for page in pages:
        if mark := read_ones.get(page["id"]):
            yield _record(page["html"], mark, vocabulary)


def _record(html: str, mark: Marks, vocabulary: Vocabulary) -> dict[str, Any]:
    tree = parse(html)
    lines = [line.text for line in read(tree).lines] if tree is not None else []
    if check(lines) != mark["check"]:
        raise OtherPage(f"{mark['id']}: {len(lines)} lines, and not those that were read")
    return {
        "id": mark["id"],
        "publisher": mark["publisher"],
        "title": head_of(tree, vocabulary).title,
        "raw_text": "\n".join(lines[number] for number in numbers(mark["region"])),
        "full_text": "\n".join(lines),
        "expected_paragraphs": [lines[number] for number in numbers(mark["article"])],
        "html": html,
    }


def with_texts(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a record of a page with its plain texts: all lines, and those of the smallest element around the article.

    A record that has texts, or has no page, is returned as it is.
    """
    if not record.get("html") or record.get("raw_text") or record.get("full_text"):
        return record
    tree = parse(record["html"])
    page = read(tree) if tree is not None else Page()
    lines = [line.text for line in page.lines]
    labels = align(lines, record["expected_paragraphs"])
    if 1 not in labels:
        return record
    first, last, boxes = labels.index(1), len(labels) - 1 - labels[::-1].index(1), page.boxes
    box = page.within[first]
    while boxes.last[box] <= last:
        box = boxes.parents[box]
    region = lines[boxes.first[box] : boxes.last[box]]
    return {**record, "raw_text": "\n".join(region), "full_text": "\n".join(lines)}


def check(lines: Sequence[str]) -> str:
    """Return what tells these lines from others."""
    return f"{crc32(chr(10).join(lines).encode()):08x}"


def numbers(ranges: str) -> list[int]:
    """Read "3-5,9" as 3, 4, 5, 9; lines are counted from 0."""
    ends = [part.partition("-") for part in ranges.split(",")]
    return [number for first, _, last in ends for number in range(int(first), int(last or first) + 1)]
