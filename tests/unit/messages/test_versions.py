"""The rule of versions: in whatever order and however often they come, articles end the same."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.messages import ArticleExtracted
from tests.fakes.memory import MemoryArticles
from wireroom.testing.factories import NOON, an_extracted_article

ID = "a" * 32
CONTENTS = st.lists(st.sampled_from("abc"), min_size=1, max_size=6)
# of a broker that was restored, which gave numbers a second time: a version, a content, a moment
RESTORED = st.lists(st.tuples(st.integers(1, 3), st.sampled_from("abc"), st.integers(0, 3)), min_size=1, max_size=6)


def version_of(number: int, content: str, seconds: int = 0) -> ArticleExtracted:
    received_at = NOON + timedelta(seconds=seconds)
    fields = {"content_hash": content * 64, "paragraphs": (content,), "received_at": received_at}
    return an_extracted_article(id=ID, version=number, **fields)


def stored(deliveries: list[ArticleExtracted]) -> tuple[int, str, set[str]]:
    """Return the version and content that stand in the end, and all contents that are kept."""
    articles, newest = MemoryArticles(), 0
    for delivery in deliveries:
        articles.write_one(delivery)
        version = articles.newest[ID]["version"]
        assert version >= newest, "it went back"
        newest = version
    last = articles.newest[ID]
    return last["version"], last["paragraphs"][0], {kept.text for kept in articles.versions[ID].values()}


@given(CONTENTS, st.data())
def test_any_order_and_any_repetition_end_like_each_once_in_order(contents: list[str], data: st.DataObject) -> None:
    versions = [version_of(number, content) for number, content in enumerate(contents, 1)]
    again = data.draw(st.lists(st.sampled_from(versions), max_size=6))
    deliveries = data.draw(st.permutations(versions + again))
    assert stored(deliveries) == stored(versions) == (len(contents), contents[-1], set(contents))


@given(RESTORED, st.data())
def test_numbers_given_twice_lose_no_content_and_end_alike_in_any_order(
    given_out: list[tuple[int, str, int]], data: st.DataObject
) -> None:
    versions = [version_of(*each) for each in given_out]
    again = data.draw(st.lists(st.sampled_from(versions), max_size=6))
    number, content, kept = stored(data.draw(st.permutations(versions + again)))
    newest = max(given_out, key=lambda each: (each[0], each[2], each[1]))
    assert (number, content) == newest[:2]
    assert kept == {content for _, content, _ in given_out}
