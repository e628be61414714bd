"""Logs of the embedded stack: bounded, with times, and a repeated line is counted."""

import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from wireroom.cli.main import app
from wireroom.local.program_log import OLDER_FILES, LogTail, ProgramLog, programs, read

TIMED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def texts(folder: Path, program: str = "extract") -> list[str]:
    return [line.text for line in read(folder, program)]


def test_each_line_has_its_time(tmp_path: Path) -> None:
    log = ProgramLog(tmp_path / "extract.log")
    before = datetime.now(UTC).replace(microsecond=0)
    log.write("ready")
    log.close()
    [line] = (tmp_path / "extract.log").read_text().splitlines()
    assert TIMED.match(line)
    [found] = read(tmp_path, "extract")
    assert before <= found.at <= datetime.now(UTC)
    assert found.text == "ready"


def test_files_are_bounded_in_size_and_number_and_the_newest_lines_are_kept(tmp_path: Path) -> None:
    log = ProgramLog(tmp_path / "extract.log", most_bytes=1000)
    for number in range(500):
        log.write(f"line {number}")
    log.close()
    files = sorted(tmp_path.iterdir())
    assert len(files) == OLDER_FILES + 1
    assert all(file.stat().st_size <= 1000 for file in files)
    kept = texts(tmp_path)
    assert kept == [f"line {number}" for number in range(500 - len(kept), 500)]


def test_a_repeated_line_is_counted_also_where_two_alternate_and_their_own_times_differ(tmp_path: Path) -> None:
    clock = Clock()
    log = ProgramLog(tmp_path / "extract.log", clock=clock)
    for second in range(20):
        log.write(f'{{"time": "2026-03-01T00:00:{second:02}.000+00:00", "message": "the broker is unavailable"}}')
        log.write(f"[7] 2026/03/01 00:00:{second:02}.123456 [ERR] no space left")
    assert len(texts(tmp_path)) == 2
    clock.now = 61
    log.flush()
    assert [text.partition(":")[0] for text in texts(tmp_path)[2:]] == ["repeated 19 times"] * 2
    log.write("[7] 2026/03/01 00:01:01.000000 [ERR] no space left")
    assert len(texts(tmp_path)) == 5, "after a minute it is written again"
    log.close()


def test_a_count_is_not_lost_when_the_program_ends(tmp_path: Path) -> None:
    log = ProgramLog(tmp_path / "extract.log")
    for _ in range(121):
        log.write("still waiting")
    log.close()
    assert texts(tmp_path) == ["still waiting", "repeated 120 times: still waiting"]


async def test_what_a_program_says_is_copied_line_by_line_also_without_a_last_line_feed(tmp_path: Path) -> None:
    log, stream = ProgramLog(tmp_path / "extract.log"), asyncio.StreamReader()
    stream.feed_data(b"one\ntw")
    stream.feed_data(b"o\n\n\xff\nlast words")
    stream.feed_eof()
    await log.copy(stream)
    log.close()
    assert texts(tmp_path) == ["one", "two", "\N{REPLACEMENT CHARACTER}", "last words"]


def test_a_tail_gives_what_is_added_also_over_a_rotation(tmp_path: Path) -> None:
    log = ProgramLog(tmp_path / "extract.log", most_bytes=400)
    log.write("before")
    tail = LogTail(tmp_path, "extract")
    found = []
    for number in range(40):
        log.write(f"line {number}")
        found += [line.text for line in tail.added()]
    log.close()
    assert (tmp_path / "extract.log.1").exists()
    assert found == [f"line {number}" for number in range(40)]


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "extract-1.log").write_text("2026-03-01T10:00:00.000Z one\n2026-03-01T10:00:02.000Z three \x1b[2J\n")
    (logs / "store.log").write_text("2026-03-01T10:00:01.000Z two\n")
    return tmp_path


def logs_of(stack: Path, *arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["--data", str(stack), "logs", *arguments])
    return done.exit_code, done.output


def test_the_command_shows_all_logs_by_time_and_nothing_a_terminal_obeys(stack: Path) -> None:
    code, said = logs_of(stack)
    assert code == 0
    assert [line.split()[3] for line in said.splitlines()] == ["one", "two", "three"]
    assert "\x1b" not in said
    assert programs(stack / "logs") == ["extract-1", "store"]


def test_the_command_shows_one_service_and_the_last_lines_and_those_since(stack: Path) -> None:
    assert logs_of(stack, "store") == (0, "2026-03-01 10:00:01 two\n")
    assert [line.split()[2] for line in logs_of(stack, "extract")[1].splitlines()] == ["one", "three"]
    assert "two" not in logs_of(stack, "--lines", "1")[1]
    assert "one" not in logs_of(stack, "--since", "2026-03-01T10:00:01+00:00")[1]


def test_a_service_without_a_log_is_told_with_those_that_have_one(stack: Path, tmp_path: Path) -> None:
    code, said = logs_of(stack, "ingest")
    assert code == 1
    assert "extract-1, store" in said
    code, said = logs_of(tmp_path / "elsewhere")
    assert code == 1
    assert "--data" in said
