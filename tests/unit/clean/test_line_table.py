"""Lines that many different articles of a source share are its boilerplate; what the source says itself is not."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from statistics import fmean

import pytest

from services.extract import transport
from services.extract.boilerplate.line_table import MAX_LINES, Decision, Table, decide, learn
from services.extract.boilerplate.sightings import Sighting, sighting
from services.extract.clean.rules.line_facts import line_key
from shared.broker.encoded import Undecoded
from tests.cleaning import RULES, clean
from tests.sources import CLOSING, REPEATED, Generated, generated
from tools.evaluation.text_scores import score
from wireroom.testing.factories import a_raw_article, an_extracted_article

NOW = datetime(2026, 3, 1, tzinfo=UTC)
NOTICE = "The Lantern is printed on paper from the forests of Estovia."
LABEL = "Lantern morning edition"
BODIES = [article.paragraphs for article in generated(60, seed=9)]


def key(text: str) -> str:
    made = line_key(text)
    assert made
    return made


def seen(body: str, number: int, table: Table | None = None, **fields: str) -> Sighting:
    """Return what an article shows after it was cleaned with what is known."""
    article = clean(body, "text/plain", learned=table.boilerplate() if table else None)
    named: dict[str, object] = {"guid": str(number), "version": number + 1} | fields
    return sighting(
        an_extracted_article(paragraphs=article.paragraphs, removed=article.removed, **named), RULES.vocabulary
    )


def learned(bodies: Iterable[Sequence[str]], table: Table | None = None) -> Table:
    table = table or Table()
    for number, lines in enumerate(bodies):
        table = learn(table, [seen("\n\n".join(lines), number, table)], NOW)
    return table


def own(number: int) -> list[str]:
    """Return paragraphs that no other article has."""
    return [text for text in BODIES[number] if text not in {REPEATED, CLOSING}]


def test_a_line_at_the_edge_of_many_articles_is_furniture() -> None:
    table = learned([*own(number), NOTICE] for number in range(8))
    assert table.boilerplate()[key(NOTICE)] > 0.8
    article = clean("\n\n".join([*own(20), NOTICE]), "text/plain", learned=table.boilerplate())
    assert list(article.paragraphs) == own(20)
    [entry] = article.removed
    assert (entry.text, entry.rule, entry.score) == (NOTICE, "furniture", table.boilerplate()[key(NOTICE)])


def test_once_a_publisher_is_known_as_the_source_only_its_articles_count() -> None:
    """Whoever may name any source could otherwise have a line of another's articles taken out."""
    forged = [seen("\n\n".join([*own(number), NOTICE]), number) for number in range(8)]
    poisoned = learn(Table(), forged, NOW)
    assert key(NOTICE) in poisoned.boilerplate()
    decided = decide(learn(poisoned, forged, NOW), key(NOTICE), "vetoed")
    honest = replace(seen("\n\n".join([*own(20), LABEL]), 20), verified=True)
    assert learn(poisoned, [honest], NOW).boilerplate() == {}, "what others had counted is forgotten"
    assert learn(decided, [honest], NOW).lines[key(NOTICE)].decision == "vetoed", "and what people decided is not"
    known = learn(Table(), [honest], NOW)
    assert learn(known, forged, NOW) == known
    theirs = [replace(each, verified=True) for each in forged]
    assert key(NOTICE) in learn(known, theirs, NOW).boilerplate()


def test_a_few_articles_are_not_enough() -> None:
    assert learned([*own(number), NOTICE, LABEL] for number in range(3)).boilerplate() == {}


def test_case_figures_and_punctuation_make_no_other_line() -> None:
    assert line_key("Lantern, edition 12!") == line_key("LANTERN edition 7") != line_key("Lantern edition")
    assert line_key("2026 ... 12") is None


def test_a_sentence_that_stands_between_the_articles_own_is_never_furniture() -> None:
    table = learned([own(number)[0], REPEATED, *own(number)[1:]] for number in range(40))
    assert key(REPEATED) not in table.boilerplate()


def test_what_was_learned_at_the_edge_stays_between_the_articles_own_sentences() -> None:
    table = learned([*own(number), NOTICE] for number in range(10))
    body = [own(20)[0], NOTICE, *own(20)[1:]]
    assert list(clean("\n\n".join(body), "text/plain", learned=table.boilerplate()).paragraphs) == body


def test_a_sentence_that_closes_some_articles_is_not_furniture() -> None:
    table = learned([*own(number), *([CLOSING] if number % 20 == 0 else [])] for number in range(60))
    assert table.boilerplate() == {}


def test_the_same_sentence_with_other_numbers_is_news() -> None:
    table = learned([*own(number), f"The tide will stand {number} metres high at noon."] for number in range(20))
    assert table.boilerplate() == {}


def test_a_long_line_is_never_learned() -> None:
    table = learned([*own(number), NOTICE[:-1] + " and of the hills behind" * 8 + "."] for number in range(20))
    assert table.boilerplate() == {}


def test_updates_of_one_article_count_once() -> None:
    states = [seen("\n\n".join([*own(number), NOTICE]), number, id="a" * 32) for number in range(20)]
    assert learn(Table(), states, NOW).articles == 1


def test_copies_of_an_article_count_once() -> None:
    text = [*own(1), *own(2), *own(3)]
    copies = [seen("\n\n".join(text[cut:]), cut) for cut in range(3)] + [seen("\n\n".join([*text, NOTICE]), 9)]
    assert learn(Table(), copies * 5, NOW).articles == 1


def test_an_old_article_that_is_replayed_counts_nothing() -> None:
    bodies = ["\n\n".join([*article.paragraphs, NOTICE]) for article in generated(200, seed=5)]
    sightings = [seen(body, number) for number, body in enumerate(bodies)]
    table = learn(Table(), sightings, NOW)
    assert learn(table, sightings, NOW) == table


def test_an_article_of_nothing_but_learned_lines_keeps_them() -> None:
    table = learned([*own(number), NOTICE, LABEL] for number in range(10))
    assert {key(NOTICE), key(LABEL)} <= table.boilerplate().keys()
    assert clean(NOTICE, "text/plain", learned=table.boilerplate()).paragraphs == (NOTICE,)


def test_what_is_not_shown_any_more_is_forgotten() -> None:
    table = learned([*own(number), NOTICE] for number in range(10))
    later = learn(table, [], NOW + timedelta(days=28))
    assert later.lines[key(NOTICE)].articles == pytest.approx(2.5)
    assert key(NOTICE) not in later.boilerplate()
    assert learn(table, [], NOW + timedelta(days=140)).lines == {}


@pytest.mark.parametrize(("decision", "score"), [("approved", 1.0), ("vetoed", None)])
def test_what_people_decide_counts_at_once_and_for_ever(decision: Decision, score: float | None) -> None:
    table = decide(learned([*own(number), NOTICE] for number in range(3)), key(NOTICE), decision)
    assert table.boilerplate().get(key(NOTICE)) == score
    table = learn(learned(([*own(number), NOTICE] for number in range(3, 30)), table), [], NOW + timedelta(days=900))
    assert table.boilerplate().get(key(NOTICE)) == score


def test_what_is_approved_goes_from_between_sentences_too() -> None:
    boilerplate = {key(NOTICE): 1.0}
    body = "\n\n".join([own(20)[0], NOTICE, *own(20)[1:]])
    assert NOTICE not in clean(body, "text/plain", learned=boilerplate).paragraphs


def test_the_text_of_a_line_is_kept_only_if_articles_share_it() -> None:
    table = learned([*own(number), NOTICE] for number in range(5))
    assert {line.text for line in table.lines.values()} == {"", NOTICE}
    assert all(text not in table.model_dump_json() for number in range(5) for text in own(number))


def test_a_table_is_bounded() -> None:
    table = learned(article.paragraphs for article in generated(400, seed=2))
    assert len(table.lines) <= MAX_LINES
    assert len(table.model_dump_json(exclude_defaults=True)) < 100_000


def test_a_worker_is_given_what_is_known_as_the_service_has_it() -> None:
    known = learned([*own(number), NOTICE] for number in range(10)).boilerplate()
    article = a_raw_article(body="\n\n".join([*own(20), NOTICE]))
    message = Undecoded(article.source, {}, article.model_dump_json().encode())
    request = transport.requested(transport.request(message, known))
    assert (request.source, request.learned) == (article.source, known)
    assert list(clean(request.decoded().body, "text/plain", learned=request.learned).paragraphs) == own(20)


def cleaned(articles: Sequence[Generated], *, learning: bool) -> list[list[str]]:
    table, results = Table(), []
    for start in range(0, len(articles), 10):  # as a service does: what it sees counts some articles later
        sightings = []
        for number, article in enumerate(articles[start : start + 10], start):
            found = clean(article.body, "text/plain", learned=table.boilerplate())
            results.append(list(found.paragraphs))
            made = an_extracted_article(
                guid=str(number), version=number + 1, paragraphs=found.paragraphs, removed=found.removed
            )
            sightings.append(sighting(made, RULES.vocabulary))
        table = learn(table, sightings if learning else (), NOW + timedelta(minutes=30 * start))
    return results


def test_learning_mends_a_source_whose_furniture_changes_and_loses_no_sentence_that_recurs() -> None:
    articles = list(generated(500))
    f1 = {
        learning: fmean(
            score(article.paragraphs, found).f1
            for article, found in list(zip(articles, cleaned(articles, learning=learning), strict=True))[-100:]
        )
        for learning in (False, True)
    }
    assert f1[True] >= f1[False] + 0.03
    assert f1[True] > 0.98
    for article, found in zip(articles, cleaned(articles, learning=True), strict=True):
        for sentence in (REPEATED, CLOSING):
            assert found.count(sentence) == article.paragraphs.count(sentence)
