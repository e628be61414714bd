"""The rule of versions: in whatever order and however often they come, articles end the same."""

from hypothesis import given
from hypothesis import strategies as st

from shared.messages import ArticleExtracted
from tests.factories import an_extracted_article
from tests.memory import Articles

CONTENTS = st.lists(st.sampled_from("abc"), min_size=1, max_size=6)


def version_of(number: int, content: str) -> ArticleExtracted:
    return an_extracted_article(id="a" * 32, version=number, content_hash=content * 64, paragraphs=(content,))


def stored(deliveries: list[ArticleExtracted]) -> tuple[int, str, set[str]]:
    """Return the version and content that stand in the end, and all contents that are kept."""
    articles, newest = Articles(), 0
    for delivery in deliveries:
        articles.write(delivery)
        version = articles.newest["a" * 32]["version"]
        assert version >= newest, "it went back"
        newest = version
    last = articles.newest["a" * 32]
    return last["version"], last["paragraphs"][0], {kept.text for kept in articles.versions["a" * 32].values()}


@given(CONTENTS, st.data())
def test_any_order_and_any_repetition_end_like_each_once_in_order(contents: list[str], data: st.DataObject) -> None:
    versions = [version_of(number, content) for number, content in enumerate(contents, 1)]
    again = data.draw(st.lists(st.sampled_from(versions), max_size=6))
    deliveries = data.draw(st.permutations(versions + again))
    assert stored(deliveries) == stored(versions) == (len(contents), contents[-1], set(contents))
