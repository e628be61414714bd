"""Runs of marks are bounded before anything takes the square of their length; ordinary text stays as it is."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.stream_safe import MOST_MARKS, is_mark, stream_safe

ALTERNATING = "\u0300\u0316"  # above and below: canonical order swaps each pair


def runs(text: str) -> list[int]:
    """Return how long each run of marks is."""
    return [len(run) for run in "".join("m" if is_mark(char) else " " for char in text).split()]


@pytest.mark.parametrize(
    "text",
    [
        "The lock opened on Monday.",
        "Zoë O'Dell: „Käse“ naïve façade",
        "ที่นี่เปิดประตูน้ำแล้วเมื่อวันจันทร์ " * 50,
        "தமிழ்நாட்டில் மதகு திறக்கப்பட்டது " * 50,
        "हिन्दी में क्षत्रिय " * 50,
        "בְּרֵאשִׁית בָּרָא אֱלֹהִים " * 50,
        "👨\u200d👩\u200d👧\u200d👦🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f" * 50,
        "漢字仮名交じり文。" * 100,
        "Z" + "\u0335" * MOST_MARKS + "algo",
    ],
)
def test_real_text_is_left_as_it_is(text: str) -> None:
    assert stream_safe(text) is text


def test_of_a_longer_run_the_first_marks_stay() -> None:
    text = "a" + "\u0300" * 31 + "b" + "\u0301" * 30 + "c" + ALTERNATING * 500 + "d"
    assert stream_safe(text) == "a" + "\u0300" * 30 + "b" + "\u0301" * 30 + "c" + ALTERNATING * 15 + "d"


@pytest.mark.parametrize("mark", ["\u0300", "\u200d", "\ufe0f", "\uff9e", "\u0344", "\u0f73", "\U000e0100", "\u0bcd"])
def test_whatever_is_stacked_is_bounded(mark: str) -> None:
    assert stream_safe(f"a{mark * 1000}b") == f"a{mark * MOST_MARKS}b"


@given(st.lists(st.text("ab \n漢ß\u1112\u1161\u11a8") | st.text(ALTERNATING + "\u200d\uff9e", max_size=80)))
def test_no_run_is_longer_than_the_limit_and_nothing_else_is_lost(pieces: list[str]) -> None:
    text = "".join(pieces)
    safe = stream_safe(text)
    assert max(runs(safe), default=0) <= MOST_MARKS
    assert [char for char in safe if not is_mark(char)] == [char for char in text if not is_mark(char)]
    assert stream_safe(safe) == safe


@given(st.text())
def test_text_without_long_runs_is_unchanged(text: str) -> None:
    if max(runs(text), default=0) <= MOST_MARKS:
        assert stream_safe(text) == text


def test_a_megabyte_of_marks_is_normalised_within_seconds() -> None:
    begun = time.thread_time()
    unicodedata.normalize("NFKC", stream_safe(ALTERNATING * 500_000))
    unicodedata.normalize("NFKC", stream_safe(f"a{ALTERNATING * 20}" * 25_000))
    assert time.thread_time() - begun < 20, "some tenths of a second; without the limit half an hour"
