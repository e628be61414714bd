"""Messages that a handler takes or returns as bytes, where another process decodes and encodes them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from shared.messages import ArticleExtracted, Identity, Language, Message


@dataclass(frozen=True)
class Undecoded:
    """A delivery as the broker has it; ``source`` is what its subject names, nothing of ``data`` was checked."""

    source: str
    headers: Mapping[str, str]  # those that the gate lets pass
    data: bytes


class ExtractedFacts(Message, Identity):
    """What is told of an extracted article without its text: its subject, its identity, how many entities it has."""

    event: ClassVar[str] = ArticleExtracted.event
    subject_pattern: ClassVar[str] = ArticleExtracted.subject_pattern

    language: Language
    entities: dict[str, Annotated[int, Field(ge=1)]]  # by label

    @classmethod
    def of(cls, article: ArticleExtracted) -> "ExtractedFacts":
        identity = {name: getattr(article, name) for name in Identity.model_fields}
        return cls(
            **identity, language=article.language, entities=dict(Counter(each.label for each in article.entities))
        )


@dataclass(frozen=True)
class Encoded:
    """A message to publish whose bytes are made: ``facts`` has its subject and identity, ``model`` is what it is."""

    facts: Message
    data: bytes
    model: type[Message]

    def decoded(self) -> Message:
        return self.model.model_validate_json(self.data)
