"""Each poison meets its cap before it meets a parser: the right reason, quickly, in little memory; or it is stored."""

import resource
import time

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

SECONDS = 2.0  # of processor time for any one of them
MEGABYTES = 100  # that the process may grow by for any one of them


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
        return verdict.reason, "ingest", None
    [result] = extract_batch([decode(raw.model_dump_json().encode(), ArticleIngested)], CLEANER, tagger)
    if isinstance(result, Rejected):
        return result.reason, "extract", None
    assert isinstance(result, ArticleExtracted), result
    encode(document(result))
    return "stored", None, result


@pytest.mark.parametrize("poison", POISONS, ids=lambda poison: poison.name)
def test_each_poison_has_its_reason_in_little_time_and_memory(poison: Poison, tagger: Tagger) -> None:
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    reason, service, _ = fate(poison, tagger)
    took, grown = time.process_time() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert (reason, service) == (str(poison.expected), poison.service)
    assert took < SECONDS
    assert grown < MEGABYTES * 1024


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
    ours |= {Reason.NOT_PUBLISHABLE, Reason.OVER_QUOTA}  # no single message brings them about
    assert {poison.expected for poison in POISONS} - {"stored"} == set(Reason) - ours
