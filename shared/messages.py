"""The messages: the only thing that publishers, services and consumers know of each other.

Within ``v1`` only fields with defaults may be added; anything more is ``v2``, published beside it.
A submission refuses fields it does not know (a typo must not vanish); every other reader ignores them.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

MAX_DROPPED = 100  # dropped mentions that an article lists; the counts tell of the rest
MAX_BODY_BYTES = 2 * 1024 * 1024  # a longer article is a book or a bomb; the broker takes 4 MB with its envelope

Source = Annotated[str, StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$")]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
ArticleId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
ContentHash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
MediaType = Literal["text/plain", "text/html"]
UNDETERMINED = "und"  # ISO 639-2: the language could not be told


class Value(BaseModel):
    """A part of a message; like a message it is a fact, so nobody edits it."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Message(Value):
    """A message knows its event name and the subject it travels on."""

    event: ClassVar[str]
    subject_pattern: ClassVar[str]

    @property
    def subject(self) -> str:
        """The subject this message is published on: the pattern with this message's own values."""
        return self.subject_pattern.format_map(dict(self))


class ArticleSubmitted(Message):
    """What a publisher sends. Only ``source`` and ``body`` are required."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    event: ClassVar[str] = "submitted"
    subject_pattern: ClassVar[str] = "news.v1.submitted"

    source: Source = Field(description="Who published it: lower case letters, digits and dashes.")
    body: str = Field(description="The article as found: text or HTML, at most 2 MiB as UTF-8.")
    media_type: MediaType = "text/plain"
    guid: Annotated[str, StringConstraints(min_length=1, max_length=1024)] | None = Field(
        None, description="The publisher's own identifier; it names the article together with the source."
    )
    url: Annotated[str, StringConstraints(min_length=1, max_length=4096)] | None = Field(
        None, description="Where it was published; it names the article where there is no guid."
    )
    title: Annotated[str, StringConstraints(max_length=2000)] | None = None
    language: (
        Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*$", max_length=100)] | None
    ) = Field(None, description="BCP 47, such as en or de-AT, if the publisher knows it.")
    published_at: AwareDatetime | None = Field(None, description="With an offset: 2026-03-01T09:30:00Z.")
    updated_at: AwareDatetime | None = None
    tags: tuple[Annotated[str, StringConstraints(min_length=1, max_length=200)], ...] = Field((), max_length=100)


def submitted_by(source: str) -> str:
    """Return the subject of a submission whose publisher is known to be this source."""
    return f"{ArticleSubmitted.subject_pattern}.{source}"


def verified_source(subject: str) -> str | None:
    """Return the source that the broker put behind the subject of a submission, by who its publisher is; else None."""
    beginning = f"{ArticleSubmitted.subject_pattern}."
    return subject.removeprefix(beginning) if subject.startswith(beginning) else None


class Identity(Value):
    """Which article, and which state of it."""

    id: ArticleId
    version: Annotated[int, Field(gt=0)] = Field(description="Sequence of the submission in INBOX: it only grows.")
    content_hash: ContentHash = Field(description="SHA-256 of what the publisher sent; equal means nothing changed.")
    source: Source
    received_at: AwareDatetime = Field(description="When the broker took the submission.")


class ArticleIngested(Message, Identity):
    """A raw article: a submission that was checked and has its identity."""

    event: ClassVar[str] = "raw"
    subject_pattern: ClassVar[str] = "news.v1.raw.{source}"

    body: str
    media_type: MediaType
    guid: str | None = None
    url: str | None = Field(
        None, description="As the publisher sent it, without line breaks; always an http or https address."
    )
    title: str | None = None
    language: str | None = Field(None, description="As the publisher declared it; extract decides.")
    published_at: AwareDatetime | None = None
    updated_at: AwareDatetime | None = None
    tags: tuple[str, ...] = ()
    verified: bool = Field(False, description="The broker knows that its publisher is this source.")


class Caption(Value):
    """A picture's caption, once, and who is credited for the picture."""

    text: str
    credit: str | None = None


class Removed(Value):
    """Something that was taken out of the article, and the rule that says why."""

    text: str
    rule: str
    line: Annotated[int, Field(ge=1)] = Field(description="Line of the text that was cleaned, from 1.")
    score: float | None = Field(None, description="Certainty from 0 to 1, where the rule has one.")


class Mention(Value):
    """Where an entity is named: code points into the clean text, end exclusive."""

    start: Annotated[int, Field(ge=0)]
    end: Annotated[int, Field(gt=0)]
    text: str


class DroppedMention(Mention):
    """What the entity model took for a name and is none, or none that was wanted, and the rule that says why."""

    label: str
    rule: str


class DroppedCount(Value):
    """How many mentions a rule dropped."""

    rule: str
    count: Annotated[int, Field(ge=1)]


class Entity(Value):
    """A person, organisation, place or other named thing, with all its mentions in one article."""

    name: str = Field(description="The fullest form used in the article, or the canonical name of the alias file.")
    label: str = Field(description="OntoNotes label: PERSON, ORG, GPE, LOC, NORP, FAC, EVENT, ...")
    count: Annotated[int, Field(ge=1)]
    aliases: tuple[str, ...] = Field((), description="The other forms used, by first appearance.")
    salience: Annotated[float, Field(ge=0, le=1)] = Field(0.0, description="1 for the most prominent of the article.")
    mentions: tuple[Mention, ...] = ()
    identifier: str | None = Field(None, description="From the alias file, such as a Wikidata id.")


class Pipeline(Value):
    """What made a result, so that stale results can be found and made anew."""

    wireroom: str
    rules: str = Field(description="Version of the cleaning rules.")
    model: str | None = Field(None, description="Name and version of the entity model; null: none for the language.")


class ArticleExtracted(Message, Identity):
    """Clean text with entities. The text is the paragraphs joined by a blank line."""

    event: ClassVar[str] = "extracted"
    subject_pattern: ClassVar[str] = "news.v1.extracted.{language}.{source}"

    guid: str | None = None
    url: str | None = None
    title: str | None = None
    byline: str | None = None
    agency: str | None = None
    dateline: str | None = None
    language: Language
    language_confidence: Annotated[float, Field(ge=0, le=1)] | None = Field(
        None, description="How likely the text is in this language, from 0 to 1; 0 for und."
    )
    published_at: AwareDatetime | None = None
    updated_at: AwareDatetime | None = None
    tags: tuple[str, ...] = ()
    paragraphs: tuple[str, ...]
    paragraph_lines: tuple[int, ...] = Field(
        (), description="Line that each paragraph begins with, counted as in removed: where removed lines had stood."
    )
    captions: tuple[Caption, ...] = ()
    removed: tuple[Removed, ...] = ()
    entities: tuple[Entity, ...] = ()
    entities_status: Literal["ok", "no_model"] = "ok"
    dropped_entities: tuple[DroppedMention, ...] = Field(
        (), description="What seemed a name, the first 100; without those whose label is not wanted, such as dates."
    )
    dropped_entities_counts: tuple[DroppedCount, ...] = Field(
        (), description="How many mentions each rule dropped; all of them, also label_not_kept."
    )
    pipeline: Pipeline

    @property
    def text(self) -> str:
        """The clean text that mentions count in."""
        return "\n\n".join(self.paragraphs)


Outcome = Literal["inserted", "updated", "duplicate", "superseded"]


class ArticleStored(Message, Identity):
    """The store has dealt with this version, durably; each accepted version gets one outcome."""

    event: ClassVar[str] = "stored"
    subject_pattern: ClassVar[str] = "news.v1.stored.{language}.{source}"

    language: Language
    outcome: Outcome = Field(
        description="inserted: first version. updated: a newer one, or the same extracted anew. "
        "duplicate: nothing new in it. superseded: a newer version was already there, this one is kept as history."
    )
    title: str | None = None
    url: str | None = None
    story: str | None = Field(
        None, description="The group of articles that tell the same thing, once they are grouped."
    )


class ArticleWithdrawn(Message, Identity):
    """A take-down: every consumer must remove the article."""

    event: ClassVar[str] = "withdrawn"
    subject_pattern: ClassVar[str] = "news.v1.withdrawn.{source}"

    reason: Annotated[str, StringConstraints(min_length=1, max_length=2000)]


class ArticleMatched(Message, Identity):
    """A new article meets a saved search. An article that meets several is told once for each."""

    event: ClassVar[str] = "matched"
    subject_pattern: ClassVar[str] = "news.v1.matched.{search}"

    search: Source = Field(description="Name of the saved search: lower case letters, digits and dashes.")
    language: Language
    title: str | None = None
    url: str | None = None
    byline: str | None = None
    agency: str | None = None
    published_at: AwareDatetime | None = None
    summary: str = Field("", description="The beginning of the clean text, at most 400 characters.")
    entities: tuple[Entity, ...] = Field((), description="The ten most salient, without their mentions.")


MESSAGES: tuple[type[Message], ...] = (
    ArticleSubmitted,
    ArticleIngested,
    ArticleExtracted,
    ArticleStored,
    ArticleWithdrawn,
    ArticleMatched,
)
