"""Each poison meets its cap before it meets a parser: the right reason, quickly, in little memory; or it is stored."""

import os
import resource
from collections.abc import Callable

import pytest

from services.extract.entities import Tagger, load
from services.extract.extraction import extract_batch
from services.ingest.identity import ingested
from services.store.documents import document, encode
from shared import sanitizing
from shared.decoding import decode
from shared.errors import Reason, Rejected
from shared.messages import ArticleExtracted, ArticleIngested, ArticleSubmitted
from tests.cleaning import CLEANER
from tests.poisons import POISONS, Poison
from wireroom.testing.factories import BODY, NOON, a_raw_article

SECONDS = 20  # of processor time, after which the kernel ends what has not met its cap: most take a hundredth of one
MEGABYTES = 100  # that a process may grow by for any one of them


HARMLESS = next(poison for poison in POISONS if poison.name == "escaped-nul")


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    tagger = load()
    page = a_raw_article(body=f"<html><body><p>{BODY}</p></body></html>", media_type="text/html")
    extract_batch([page], CLEANER, tagger)  # loads all that is loaded at first use
    return tagger


def fate(poison: Poison, tagger: Tagger) -> tuple[str, str | None, ArticleExtracted | None]:
    """Return what becomes of it, which service says so, and the article if it becomes one."""
    try:
        submitted = decode(poison.data, ArticleSubmitted, poison.headers)
        raw = ingested(submitted, version=1, received_at=NOON)
    except Rejected as verdict:
        return str(verdict.reason), "ingest", None
    [result] = extract_batch([decode(raw.model_dump_json().encode(), ArticleIngested)], CLEANER, tagger)
    if isinstance(result, Rejected):
        return str(result.reason), "extract", None
    assert isinstance(result, ArticleExtracted), result
    encode(document(result))
    return "stored", None, result


def in_a_fork(work: Callable[[], object]) -> tuple[str, int]:
    """Run in a process of its own, which the kernel ends after so much processor time.

    Returns the representation of the result, or of the exception, and the peak of its memory in kB: that of this
    process would only ever show the largest poison of all.
    """
    reading, writing = os.pipe()
    if not (pid := os.fork()):
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        try:
            said = repr(work())
        except BaseException as error:  # noqa: BLE001 - told to the test
            said = repr(error)
        os.write(writing, said.encode("utf-8", "backslashreplace")[:4000])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        said = answer.read().decode()
    _, status, used = os.wait4(pid, 0)
    assert status == 0, f"its process ended with {os.waitstatus_to_exitcode(status)}"
    return said, used.ru_maxrss


@pytest.mark.parametrize("poison", POISONS, ids=lambda poison: poison.name)
def test_each_poison_has_its_reason_in_bounded_time_and_memory(poison: Poison, tagger: Tagger) -> None:
    _, usual = in_a_fork(lambda: fate(HARMLESS, tagger)[:2])
    said, peak = in_a_fork(lambda: fate(poison, tagger)[:2])
    assert said == repr((str(poison.expected), poison.service))
    assert peak - usual < MEGABYTES * 1024


def test_the_measure_sees_memory_that_is_given_back() -> None:
    _, usual = in_a_fork(lambda: None)
    _, peak = in_a_fork(lambda: len(bytearray(200 * 1024**2)))
    assert peak - usual > MEGABYTES * 1024


def test_what_is_stored_has_no_control_character_and_no_markup_that_acts(tagger: Tagger) -> None:
    harmless = [poison for poison in POISONS if poison.expected == "stored"]
    for poison in harmless:
        _, _, article = fate(poison, tagger)
        assert article is not None
        shown = "\n".join([article.title or "", *article.paragraphs])
        assert sanitizing.harmless(shown) == shown, poison.name
        assert "fetch(" not in shown, poison.name


def test_every_name_is_used_once_and_every_cap_has_a_poison() -> None:
    assert len({poison.name for poison in POISONS}) == len(POISONS)
    ours = {Reason.RETRIES_EXHAUSTED, Reason.TIME_LIMIT, Reason.MEMORY_LIMIT, Reason.CRASH_LOOP, Reason.NOT_STORABLE}
    # no single message brings these about
    ours |= {Reason.NOT_PUBLISHABLE, Reason.OVER_QUOTA, Reason.NOT_DELIVERED, Reason.WRONG_SOURCE}
    ours |= {Reason.EMBARGOED}  # a message has no embargo; readers of other formats refuse it before there is one
    assert {poison.expected for poison in POISONS} - {"stored"} == set(Reason) - ours
