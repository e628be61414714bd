"""The Tantivy index: what is found, how it is counted, and which version of an article stands."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise, permutations
from pathlib import Path
from typing import Any

import pytest

from services.desk.index import facet_queries
from services.desk.index.engine import TantivyEngine
from services.desk.index.generation import Change, Generation
from services.desk.search_engine import InvalidQueryError, Query, QueryTimeoutError
from shared.messages import ArticleExtracted
from wireroom.testing.factories import a_withdrawn_event, an_entity, an_extracted_article

DAY = datetime(2026, 3, 1, 9, tzinfo=UTC)


def article(number: int = 1, **fields: Any) -> ArticleExtracted:  # noqa: ANN401
    text = fields.pop("text", "The lock at Tidewell was opened on Monday.")
    identity = {"id": f"{number:032x}", "version": number, "content_hash": f"{number:064x}"}
    return an_extracted_article(**(identity | {"paragraphs": (text,), "published_at": DAY} | fields))


@pytest.fixture
def engine(tmp_path: Path) -> TantivyEngine:
    return TantivyEngine(Generation(tmp_path, heap=15_000_000))


def ids(engine: TantivyEngine, query: Query | str, **how: Any) -> list[int]:  # noqa: ANN401
    query = Query(text=query) if isinstance(query, str) else query
    return [int(hit.id, 16) for hit in engine.search(query, **how).hits]


def filled(engine: TantivyEngine, *articles: ArticleExtracted) -> TantivyEngine:
    engine.generation.apply(articles)
    return engine


def test_words_are_found_in_any_form_of_their_language(engine: TantivyEngine) -> None:
    filled(
        engine,
        article(1, text="Two ships were opening the harbours."),
        article(2, language="de", text="Die Häuser am Hafen wurden verkauft."),
        article(3, language="ja", text="東京の港は月曜日に開かれた。"),
        article(4, language="cy", text="Agorwyd y llyfrgell ddydd Llun."),
    )
    assert ids(engine, "harbour open") == [1]
    assert ids(engine, "haus") == [2]
    assert ids(engine, "hauser") == [2]
    assert ids(engine, "月曜日") == [3]
    assert ids(engine, "llyfrgell") == [4]
    assert ids(engine, "harbour lighthouse") == []


def test_phrases_exclusions_and_fields(engine: TantivyEngine) -> None:
    filled(
        engine,
        article(1, title="Strike ends", text="The dockers went back to work.", source="harbour-gazette"),
        article(2, title="Work goes on", text="Back at work, the dockers strike a deal.", source="valdoria-post"),
        article(3, language="de", text="Ein Streik am Hafen.", source="valdoria-post", agency="KNA"),
    )
    assert ids(engine, '"back to work"') == [1]
    assert ids(engine, "dockers -deal") == [1]
    assert ids(engine, '-"back to work" dockers') == [2]
    assert ids(engine, "title:strike") == [1]
    assert sorted(ids(engine, "-title:strike")) == [2, 3]
    assert sorted(ids(engine, "source:valdoria-post")) == [2, 3]
    assert ids(engine, "source:valdoria-post lang:de") == [3]
    assert ids(engine, "agency:KNA") == [3]
    assert ids(engine, Query(sources=("valdoria-post", "harbour-gazette"), languages=("de",))) == [3]
    assert ids(engine, "strike")[0] == 1, "a word in the title counts for more"


def test_entities_are_found_by_name_alias_and_identifier(engine: TantivyEngine) -> None:
    bank = an_entity("Aldercroft Bank", label="ORG", aliases=("Aldercroft",), identifier="Q1")
    filled(
        engine, article(1, entities=(bank, an_entity("Marta Bellamy"))), article(2, entities=(an_entity("Aldercroft"),))
    )
    assert ids(engine, 'entity:"ORG:Aldercroft Bank"') == [1]
    assert ids(engine, "entity:org:x") == []
    assert ids(engine, "entity:ORG:aldercroft") == [1]
    assert sorted(ids(engine, "entity:Aldercroft")) == [1, 2]
    assert ids(engine, "entity:ID:Q1") == [1]
    assert ids(engine, Query(entities=("ORG:Aldercroft Bank", "PERSON:Marta Bellamy"))) == [1]
    assert ids(engine, Query(entities=("PERSON:Aldercroft",))) == [2]
    facts = engine.entity("ORG", "Aldercroft Bank")
    assert facts is not None
    assert (facts.articles, facts.aliases) == (1, {"Aldercroft": 1})
    assert [(other.label, other.name, other.count) for other in facts.named_with] == [("PERSON", "Marta Bellamy", 1)]
    assert engine.entity("ORG", "Nobody") is None
    assert engine.entity("no label", "Nobody") is None


def test_dates_order_and_bound(engine: TantivyEngine) -> None:
    days = [DAY + timedelta(days=number) for number in range(4)]
    filled(engine, *(article(number, published_at=day) for number, day in enumerate(days, 1)))
    assert ids(engine, Query(), sort="newest") == [4, 3, 2, 1]
    assert ids(engine, Query(), sort="oldest", size=2, page=2) == [3, 4]
    assert sorted(ids(engine, "since:2026-03-02 until:2026-03-04")) == [2, 3]
    assert sorted(ids(engine, Query(since=days[3]))) == [4]
    assert sorted(ids(engine, Query(text="since:2026-03-02", since=days[2]))) == [3, 4]
    assert ids(engine, "since:2027 until:2026") == []
    assert [int(hit.id, 16) for hit in engine.every_hit(Query(), limit=3)] == [4, 3, 2]


def test_snippets_mark_what_was_searched_for(engine: TantivyEngine) -> None:
    filled(
        engine,
        article(1, text="Über die Brücke. " * 50 + "Then the löck was opened <b>again</b>. " + "So it goes. " * 50),
    )
    [hit] = engine.search(Query(text='opening "so it goes"')).hits
    marked = [fragment.text for fragment in hit.snippet if fragment.matched]
    assert marked
    assert set(marked) <= {"opened", "So", "it", "goes"}
    assert "".join(fragment.text for fragment in hit.snippet) in article(1).text or len(hit.snippet) > 1
    [plain] = engine.search(Query()).hits
    assert plain.snippet[0].text.startswith("Über die Brücke.")
    assert not plain.snippet[0].matched


def test_a_title_is_marked_also_where_the_text_has_nothing_of_the_words(engine: TantivyEngine) -> None:
    filled(engine, article(1, title="„Zölle“ für Häfen: wer zahlt?", language="de", text="Es geht um Geld."))
    [hit] = engine.search(Query(text="hafen zahlt")).hits
    assert "".join(part.text for part in hit.title_marked) == hit.title
    assert [part.text for part in hit.title_marked if part.matched] == ["Häfen", "zahlt"]
    assert [part.matched for part in hit.snippet] == [False]
    assert engine.search(Query(text="title:zölle geld")).hits[0].snippet[-1].text == "Geld"
    assert engine.search(Query(text="geld")).hits[0].title_marked == ()


def test_of_very_many_hits_a_sample_is_counted_and_multiplied(
    engine: TantivyEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facet_queries, "NAMES_ENOUGH", 20)
    monkeypatch.setattr(facet_queries, "VALUES_ENOUGH", 40)
    bank, now = an_entity("Aldercroft Bank", label="ORG"), DAY
    made = [
        article(number, entities=(bank, an_entity("Person")), published_at=now + timedelta(days=number % 5))
        for number in range(1, 401)
    ]
    found = filled(engine, *made).search(Query(text="lock"), size=1)
    assert (found.total, found.facets.rate, found.facets.entities_rate) == (400, 8, 16)
    [counted] = found.facets.entities["ORG"]
    assert counted.count % 16 == found.facets.sources["harbour-gazette"] % 8 == 0
    assert 200 < counted.count < 800
    assert found.facets.sources["harbour-gazette"] == sum(bar.count for bar in found.histogram)
    facts = engine.entity("ORG", "Aldercroft Bank")
    assert facts is not None
    assert (facts.articles, facts.named_with_rate) == (400, 16)
    assert facts.named_with[0].count == counted.count, "it is always the same sample"
    few = engine.search(Query(text="lock until:2026-03-02"), size=1)
    assert (few.total, few.facets.rate, few.facets.entities_rate) == (80, 2, 4)


def test_facets_and_histogram_count_all_hits(engine: TantivyEngine) -> None:
    bank = an_entity("Aldercroft Bank", label="ORG", salience=0.9, count=3)
    made = [
        article(
            number,
            source=f"source-{number % 3}",
            language="de" if number % 2 else "en",
            agency="KNA" if number == 7 else None,
            entities=(bank, an_entity(f"Person {number % 4}")),
            published_at=DAY + timedelta(days=number),
        )
        for number in range(1, 31)
    ]
    found = filled(engine, *made).search(Query(text="lock"), size=5)
    assert (found.total, len(found.hits)) == (30, 5)
    assert found.facets.sources == {"source-0": 10, "source-1": 10, "source-2": 10}
    assert found.facets.languages == {"de": 15, "en": 15}
    assert found.facets.agencies == {"KNA": 1}
    assert [(e.name, e.count) for e in found.facets.entities["ORG"]] == [("Aldercroft Bank", 30)]
    assert sum(entity.count for entity in found.facets.entities["PERSON"]) == 30
    assert sum(bar.count for bar in found.histogram) == 30
    assert len(found.histogram) == 30
    assert found.hits[0].entities[0].count == 3
    for source, count in found.facets.sources.items():
        assert engine.search(Query(text="lock", sources=(source,))).total == count


@pytest.mark.parametrize(("span", "unit"), [(1, timedelta(hours=1)), (90, timedelta(days=1)), (700, timedelta(days=7))])
def test_the_bars_of_a_histogram_fit_its_span(engine: TantivyEngine, span: int, unit: timedelta) -> None:
    filled(engine, article(1, published_at=DAY), article(2, published_at=DAY + timedelta(days=span)))
    bars = engine.search(Query()).histogram
    assert bars[0].end - bars[0].start == unit
    assert all(before.end == after.start for before, after in pairwise(bars))
    assert sum(bar.count for bar in bars) == 2


def test_a_histogram_of_many_years_has_months(engine: TantivyEngine) -> None:
    wrong_year = datetime(1, 1, 1, tzinfo=UTC)
    filled(engine, article(1, published_at=wrong_year), article(2, published_at=DAY))
    bars = engine.search(Query()).histogram
    assert {bar.start.day for bar in bars} == {1}
    assert sum(bar.count for bar in bars) == 2


Steps = Sequence[Change]


def test_the_highest_version_stands_whatever_came_first(tmp_path: Path) -> None:
    versions = [
        article(1, version=number, title=f"Title {number}", content_hash=f"{number:064x}") for number in (3, 5, 9)
    ]
    for number, order in enumerate(permutations(versions)):
        for each_alone in (False, True):
            generation = Generation(tmp_path / f"{number}-{each_alone}", heap=15_000_000)
            for batch in [[change] for change in order] if each_alone else [order]:
                generation.apply(batch)
            assert generation.versions() == {versions[0].id: 9}
            stands = generation.find(generation.searcher(), versions[0].id)
            assert stands is not None
            assert stands.title == "Title 9"
            generation.close()


def test_the_same_content_again_moves_only_its_version(engine: TantivyEngine) -> None:
    filled(engine, article(1, version=3, title="As it was"))
    filled(engine, article(1, version=8, title="Extracted otherwise"))
    found = engine.article(article(1).id)
    assert found is not None
    assert (found.version, found.title) == (8, "As it was")


def test_a_withdrawn_article_is_gone_at_once_and_stays_gone(engine: TantivyEngine) -> None:
    filled(engine, article(1, version=4), article(2, version=5))
    engine.generation.apply([a_withdrawn_event(id=article(1).id, version=4)])
    assert ids(engine, Query()) == [2]
    assert ids(engine, "-lighthouse") == [2]
    assert engine.state().articles == 1
    for older in (3, 4):
        filled(engine, article(1, version=older))
    assert ids(engine, "lock") == [2]
    assert engine.article(article(1).id) is None
    filled(engine, article(1, version=6))  # after the withdrawal was lifted
    assert sorted(ids(engine, "lock")) == [1, 2]


def test_a_withdrawal_that_comes_before_its_article_holds(engine: TantivyEngine) -> None:
    engine.generation.apply([a_withdrawn_event(id=article(1).id, version=4)])
    filled(engine, article(1, version=4))
    assert ids(engine, Query()) == []
    assert list(engine.generation.tombstones()) == [(article(1).id, 4)]


def test_what_was_committed_is_there_after_a_restart(tmp_path: Path) -> None:
    first = Generation(tmp_path, heap=15_000_000)
    first.apply([article(1)])
    first.close()
    del first
    second = TantivyEngine(Generation(tmp_path, heap=15_000_000))
    assert ids(second, "lock") == [1]
    assert second.article(article(1).id) == article(1)


def test_similar_articles_share_rare_words(engine: TantivyEngine) -> None:
    filler = [article(number, text=f"Nothing much happened in village {number} today.") for number in range(10, 40)]
    ferry = "The ferry Halmor ran aground near Karsholm with forty passengers."
    filled(engine, *filler, article(1, text=ferry), article(2, text=ferry.replace("forty", "sixty")))
    assert int(engine.similar(article(1).id)[0].id, 16) == 2
    assert engine.similar("f" * 32) == ()


def test_entities_that_rise_are_told_with_their_history(engine: TantivyEngine) -> None:
    now = datetime(2026, 3, 20, tzinfo=UTC)
    usual, risen = an_entity("Usual Works", label="ORG"), an_entity("Risen Works", label="ORG")
    articles = [
        article(100 * day + number, published_at=now - timedelta(days=day, hours=12), entities=(usual,))
        for day in range(10)
        for number in range(1, 6)
    ]
    articles += [article(5000 + n, published_at=now - timedelta(hours=3), entities=(risen,)) for n in range(6)]
    articles.append(article(6000, published_at=now - timedelta(days=4), entities=(risen,)))
    articles.append(article(6001, published_at=now + timedelta(days=1), entities=(an_entity("Tomorrow"),)))
    [first, *others] = filled(engine, *articles).trends(now, period="day")
    assert (first.name, first.now) == ("Risen Works", 6)
    assert first.expected == pytest.approx(1 / 9)
    assert [bar.count for bar in first.history[-5:]] == [0, 1, 0, 0, 6]
    assert "Usual Works" not in {trend.name for trend in others}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('"no end', "character 1"),
        ("titel:lock", "did you mean title:"),
        ("since:yesterday", "since:2026-03-01"),
        ("since:2026-13-01", "no date"),
        ("-since:2026", "cannot be excluded"),
        ("x" * 3000, "at most 2000"),
        ("word " * 100, "at most 64"),
    ],
)
def test_a_query_that_cannot_be_read_says_where_and_how(engine: TantivyEngine, text: str, said: str) -> None:
    with pytest.raises(InvalidQueryError, match=said):
        engine.search(Query(text=text))


@pytest.mark.parametrize(
    "text",
    ["", "   ", "-", '""', "...", "http://example.com 16:30", "a:b", "- lock", "(lock) AND [x TO y]", "*", "lock~2^3"],
)
def test_any_other_text_is_words(engine: TantivyEngine, text: str) -> None:
    filled(engine, article(1)).search(Query(text=text))


def test_pages_have_ends(engine: TantivyEngine) -> None:
    for page, size in ((1, 101), (1, 0), (0, 20), (101, 100)):
        with pytest.raises(InvalidQueryError):
            engine.search(Query(), page=page, size=size)


def test_a_query_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    engine = TantivyEngine(Generation(tmp_path, heap=15_000_000), time_limit=0.0)
    with pytest.raises(QueryTimeoutError):
        engine.search(Query())


def test_queries_go_on_while_the_index_is_swapped(tmp_path: Path) -> None:
    engine = TantivyEngine(Generation(tmp_path / "1", heap=15_000_000))
    filled(engine, article(1))
    second = Generation(tmp_path / "2", heap=15_000_000)
    assert second.load([article(2), article(3)]) == 2
    hits = engine.every_hit(Query(), limit=10)
    engine.swap(second).close()
    assert [int(hit.id, 16) for hit in hits] == [1]
    assert sorted(ids(engine, "lock")) == [2, 3]
