"""What is done to articles: cleaned, their language told, tagged; a micro-batch in one call."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.extract.clean.article import CleanArticle
from services.extract.clean.cleaner import RULES_VERSION, Cleaner
from services.extract.clean.language import Identified
from services.extract.clean.rules.line_facts import LearnedBoilerplate
from services.extract.entities import Article, TaggedEntities, Tagger
from services.extract.transport import StepTimes
from shared import __version__
from shared.errors import Rejected
from shared.messages import ArticleExtracted, ArticleIngested, Identity, Pipeline

Learned = Mapping[str, LearnedBoilerplate]  # by source


@dataclass(frozen=True)
class Cleaned:
    """A raw article between its cleaning and its tagging."""

    raw: ArticleIngested
    clean: CleanArticle
    language: Identified

    @property
    def to_tag(self) -> Article:
        return self.language.language, self.clean.paragraphs, self.clean.title


def extract_batch(
    articles: Sequence[ArticleIngested], cleaner: Cleaner, tagger: Tagger, learned: Learned | None = None
) -> list[ArticleExtracted | Exception]:
    """Return one result for each article, in order; a rejected article is its own result and harms no other.

    ``learned`` is the boilerplate that was learned of the sources, a plain value.
    """
    return [result for result, _ in timed_batch(articles, cleaner, tagger, learned)]


def timed_batch(
    articles: Sequence[ArticleIngested], cleaner: Cleaner, tagger: Tagger, learned: Learned | None = None
) -> list[tuple[ArticleExtracted | Exception, StepTimes]]:
    """Return what ``extract_batch`` does, each result with the times of its steps."""
    cleaned = [_clean(article, cleaner, (learned or {}).get(article.source)) for article in articles]
    good = [item for item, _ in cleaned if isinstance(item, Cleaned)]
    tag_began = time.time_ns()
    found = iter(tagger.find([item.to_tag for item in good]))
    tag = {"tag_began": tag_began, "tag_ended": time.time_ns(), "together": len(good)}
    results: list[tuple[ArticleExtracted | Exception, StepTimes]] = []
    for item, times in cleaned:
        if isinstance(item, Cleaned):
            merge_began = time.time_ns()
            tags = tagger.merge(item.to_tag, next(found))
            merge = {"merge_began": merge_began, "merge_ended": time.time_ns()}
            results.append((_finish(item, tags), times._replace(**tag, **merge)))
        else:
            results.append((item, times))
    return results


def _clean(
    raw: ArticleIngested, cleaner: Cleaner, learned: LearnedBoilerplate | None
) -> tuple[Cleaned | Rejected, StepTimes]:
    began = time.time_ns()
    try:
        article = cleaner.clean(raw.body, raw.media_type, title=raw.title, source=raw.source, learned=learned)
    except Rejected as rejection:
        return rejection, StepTimes(began, time.time_ns())
    language = cleaner.languages.identify("\n\n".join(article.paragraphs), raw.language)
    return Cleaned(raw, article, language), StepTimes(began, time.time_ns())


def _finish(item: Cleaned, tags: TaggedEntities) -> ArticleExtracted:
    raw, article = item.raw, item.clean
    identity = {name: getattr(raw, name) for name in Identity.model_fields}
    return ArticleExtracted(
        **identity,
        guid=raw.guid,
        url=raw.url or article.url,
        title=article.title,
        byline=article.byline,
        agency=article.agency,
        dateline=article.dateline,
        language=item.language.language,
        language_confidence=item.language.confidence,
        published_at=raw.published_at or article.published_at,
        updated_at=raw.updated_at or article.updated_at,
        tags=raw.tags,
        paragraphs=article.paragraphs,
        paragraph_lines=article.line_numbers,
        captions=article.captions,
        removed=article.removed,
        entities=tags.entities,
        entities_status=tags.status,
        dropped_entities=tags.dropped,
        dropped_entities_counts=tags.dropped_counts,
        pipeline=Pipeline(wireroom=__version__, rules=RULES_VERSION, model=tags.model),
    )
