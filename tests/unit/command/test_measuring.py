"""What the benches compute; what they measure is asserted nowhere."""

import json
import os
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import pytest
from typer.testing import CliRunner

from wireroom.bench import cpu_time
from wireroom.bench.bench_extract import compared
from wireroom.bench.bench_memory import Growth, facts, growth
from wireroom.bench.latency import percentile
from wireroom.bench.stages.bench_processes import Child, child
from wireroom.bench.texts import given, renamed, submissions, with_new_words
from wireroom.cli.main import app


def test_growth_compares_the_most_memory_before_and_since() -> None:
    found = growth([(500, 100.0), (1000, 200.0), (1500, 150.0), (2000, 250.0)], settled=1000)
    assert found == Growth(before=200.0, after=250.0, growth=0.25)


def test_what_was_resident_is_told_as_json() -> None:
    told = json.loads(json.dumps(facts([(500, 100.0), (5000, 110.0)], articles=5000, new=10)))
    assert told["resident_mb"] == {"500": 100.0, "5000": 110.0}
    assert told["growth"] == pytest.approx(0.1)


def test_all_ways_are_held_against_bare_spacy_whole_and_with_ner_only() -> None:
    rows = compared({"whole": 10.0, "only ner": 30.0, "ours": 90.0})
    assert [(row.times_full, row.times_ner) for row in rows] == [(1.0, 1 / 3), (3.0, 1.0), (9.0, 3.0)]


@pytest.mark.parametrize(("percent", "expected"), [(0, 1), (50, 50), (95, 95), (99, 99), (100, 100)])
def test_a_percentile_is_a_value_that_was_measured(percent: float, expected: float) -> None:
    assert percentile([float(value) for value in range(100, 0, -1)], percent) == expected
    assert percentile([7.0], percent) == 7.0


def test_each_submission_is_an_article_of_its_own_although_the_texts_repeat(tmp_path: Path) -> None:
    file = tmp_path / "texts.jsonl"
    file.write_text('{"text": "one"}\n{"text": "two"}\n')
    made = list(islice(submissions(file), 5))
    assert [item.body for item in made] == ["one", "two", "one", "two", "one"]
    assert len({item.guid for item in made}) == 5
    assert len({item.guid for item in islice(submissions(None), 100)}) == 100


def test_a_file_without_texts_is_no_file_of_texts(tmp_path: Path) -> None:
    file = tmp_path / "texts.jsonl"
    file.write_text('{"title": "one"}\n')
    with pytest.raises(KeyError):
        list(given(file))
    assert CliRunner().invoke(app, ["bench", "end-to-end", str(file)]).exit_code == 65
    assert CliRunner().invoke(app, ["bench", "extract", str(file)]).exit_code == 65


def test_renamed_samples_are_the_same_in_every_process_and_differ_from_each_other() -> None:
    first, again = (list(islice(renamed(), 60)) for _ in range(2))
    assert first == again
    assert len(set(first)) == 60


def test_new_words_are_in_no_other_text() -> None:
    plain = set(" ".join(islice(renamed(), 50)).split())
    new = [word for text in islice(with_new_words(10), 50) for word in text.split("were ")[-1].split(",")[0].split()]
    assert len(set(new)) == len(new) == 500
    assert not plain & set(new)


def test_processor_time_is_what_the_process_used() -> None:
    before, until = cpu_time.seconds(os.getpid()), time.process_time() + 0.1
    while time.process_time() < until:
        pass
    assert cpu_time.seconds(os.getpid()) >= before + 0.05
    assert cpu_time.seconds(2**22 + 1) == 0.0


def test_the_processor_time_of_what_a_process_started_is_told_beside_its_own() -> None:
    busy = "import time\nwhile time.process_time() < 0.2: pass\nprint(flush=True)\ninput()"
    with subprocess.Popen([sys.executable, "-c", busy], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline()
        spent = cpu_time.by_process({"bench": os.getpid(), "worker": worker.pid})
        occupied = cpu_time.occupied(os.getpid())
        worker.communicate(b"\n")
    assert set(spent) == {"bench", "bench, its workers", "worker"}
    assert min(spent["bench, its workers"], spent["worker"], occupied) >= 0.15


ECHO = """
import json, sys
for line in sys.stdin:
    print(json.dumps({"seconds": len(json.loads(line))}), flush=True)
    if line == "[]\\n":
        sys.exit(3)
"""


def test_a_child_answers_each_round_and_its_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "echo_rounds.py").write_text(ECHO)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    with child("echo_rounds") as process:
        assert isinstance(process, Child)
        assert [process.seconds(["a"] * number) for number in (1, 2, 0)] == [1.0, 2.0, 0.0]
        with pytest.raises(RuntimeError, match="code 3"):
            process.seconds(["a"])


def test_a_child_has_one_thread_and_none_of_our_settings_of_the_kernels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "its_settings.py").write_text(
        "import json, os, sys\nsys.stdin.readline()\nprint(json.dumps(dict(os.environ)), flush=True)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    with child("its_settings") as process:
        found = process.ask([])
    assert found["OPENBLAS_NUM_THREADS"] == found["OMP_NUM_THREADS"] == "1"
    assert "OPENBLAS_CORETYPE" not in found


@pytest.mark.parametrize("name", ["end-to-end", "extract", "memory", "publish", "store", "soak"])
def test_every_bench_says_what_it_measures_and_has_json(name: str) -> None:
    shown = CliRunner().invoke(app, ["bench", name, "--help"])
    assert shown.exit_code == 0
    assert "--json" in shown.output
    assert "Examples" in shown.output
    assert f"bench {name}" in shown.output
