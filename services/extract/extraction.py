"""What is done to articles: cleaned, their language told, tagged; a micro-batch in one call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.extract.clean.article import CleanArticle
from services.extract.clean.cleaner import RULES_VERSION, Cleaner
from services.extract.clean.language import Identified
from services.extract.clean.rules.line_facts import LearnedBoilerplate
from services.extract.entities import TaggedEntities, Tagger
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


def extract_batch(
    articles: Sequence[ArticleIngested], cleaner: Cleaner, tagger: Tagger, learned: Learned | None = None
) -> list[ArticleExtracted | Exception]:
    """Return one result for each article, in order; a rejected article is its own result and harms no other.

    ``learned`` is the boilerplate that was learned of the sources, a plain value.
    """
    cleaned = [_clean(article, cleaner, (learned or {}).get(article.source)) for article in articles]
    good = [item for item in cleaned if isinstance(item, Cleaned)]
    tags = iter(tagger.tag([(item.language.language, item.clean.paragraphs, item.clean.title) for item in good]))
    return [_finish(item, next(tags)) if isinstance(item, Cleaned) else item for item in cleaned]


def _clean(raw: ArticleIngested, cleaner: Cleaner, learned: LearnedBoilerplate | None) -> Cleaned | Rejected:
    try:
        article = cleaner.clean(raw.body, raw.media_type, title=raw.title, source=raw.source, learned=learned)
    except Rejected as verdict:
        return verdict
    return Cleaned(raw, article, cleaner.languages.identify("\n\n".join(article.paragraphs), raw.language))


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
