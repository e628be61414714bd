"""Invented articles for the desk: some hundreds over several weeks, with entities, removed lines and versions."""

import hashlib
import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from shared.messages import ArticleExtracted, Caption, Entity, Mention, Pipeline, Removed

PLACES = ("Karsholm", "Brennhaven", "Tidewell", "Valdoria", "Ostmark Sound")
PEOPLE = ("Clara Whitcombe", "Henrik Solvang", "Ilse Marrow", "Tomas Brekke", "Nadia Ferrow", "Daniel Orwick")
COMPANIES = (
    "Nordhavn Shipping",
    "Aldercroft Bank",
    "Brackwater Engineering",
    "Harbour Workers' Union",
    "Tidewell Power",
)
LABELS = dict.fromkeys(PLACES, "GPE") | dict.fromkeys(PEOPLE, "PERSON") | dict.fromkeys(COMPANIES, "ORG")
LABELS |= {"Ostmark Sound": "LOC", "Lantern Bridge": "FAC", "Valdorian": "NORP", "Harbour Festival": "EVENT"}
SOURCES = ("harbour-gazette", "valdoria-post", "tide-times", "ostmark-herald")
SUBJECTS = (
    (
        "{org} raises its offer to end the strike in {place}",
        "offered higher wages after nine days without a ship at the quay",
    ),
    (
        "{org} opens a second lock at {place}",
        "opened the lock after two winters of works, and boats may pass from the first of the month",
    ),
    (
        "{person} promises a smaller deficit for {place}",
        "promised to spend less on roads and more on schools, without naming a figure",
    ),
    (
        "Profit of {org} falls as fuel grows dearer",
        "reported a profit a third lower than a year ago and blamed the price of fuel",
    ),
    (
        "{person} leaves the board of {org}",
        "resigned for private reasons, and will be followed by a colleague in spring",
    ),
    (
        "Storm closes Lantern Bridge near {place}",
        "closed the bridge to lorries until the wind drops, and asked drivers to wait",
    ),
    (
        "Harbour Festival returns to {place} after four years",
        "expects forty thousand guests, and lets the last train leave two hours later",
    ),
)
QUOTES = (
    "Nobody won this by shouting",
    "It will be forgotten by June",
    "We have read every letter",
    "The figures speak for themselves",
)
FIRST = datetime(2026, 3, 1, 7, tzinfo=UTC)
PIPELINE = Pipeline(wireroom="0.1.0", rules="12", model="en_core_web_sm 3.8.0")


def named(text: str) -> tuple[Entity, ...]:
    """Return the invented names in a text as entities, as the tagger would, the most frequent first."""
    found: dict[str, list[Mention]] = {}
    for match in re.finditer("|".join(sorted(map(re.escape, LABELS), key=len, reverse=True)), text):
        found.setdefault(match[0], []).append(Mention(start=match.start(), end=match.end(), text=match[0]))
    most = max(map(len, found.values()), default=1)
    return tuple(
        Entity(
            name=name,
            label=LABELS[name],
            count=len(mentions),
            mentions=tuple(mentions),
            salience=len(mentions) / most,
        )
        for name, mentions in sorted(found.items(), key=lambda each: -len(each[1]))
    )


def an_article(number: int, at: datetime, draw: random.Random) -> ArticleExtracted:
    """Return one article; the same number, time and state of the generator give the same."""
    names = {"org": draw.choice(COMPANIES), "person": draw.choice(PEOPLE), "place": draw.choice(PLACES)}
    title, fact = draw.choice(SUBJECTS)
    other = draw.choice([name for name in COMPANIES if name != names["org"]])
    paragraphs = (
        f"{names['org']} {fact}, people close to the talks in {names['place']} said on {at:%A}.",
        f"“{draw.choice(QUOTES)},” said {names['person']}, who had met both sides in Brennhaven a week before.",
        (
            f"Analysts at {other} put the cost for {names['org']} at {draw.randint(2, 90)} million crowns in the first "
            f"half of the year. {draw.choice(PEOPLE)} did not want to comment."
        ),
        (
            f"The Valdorian government had asked {names['org']} for an answer before the end of the month. "
            f"Lantern Bridge and the railway to {draw.choice(PLACES)} stay open in the meantime."
        ),
    )
    text, digest = "\n\n".join(paragraphs), hashlib.sha256(f"{number}".encode()).hexdigest()
    return ArticleExtracted(
        id=digest[:32],
        version=number + 1,
        content_hash=digest,
        source=draw.choice(SOURCES),
        received_at=at + timedelta(seconds=draw.randint(20, 900)),
        published_at=at,
        url=f"https://news.example/{at:%Y/%m/%d}/{number}",
        guid=f"inv-{number}",
        title=title.format_map(names),
        byline=f"By {draw.choice(PEOPLE)}",
        agency=draw.choice(("Reuters", "AFP", None, None)),
        dateline=names["place"],
        language="en",
        language_confidence=0.99,
        tags=("harbour", "economy"),
        paragraphs=paragraphs,
        paragraph_lines=(3, 7, 9, 13),
        captions=(Caption(text=f"The quay of {names['place']} in the morning.", credit="Ella Stroud"),),
        removed=(
            Removed(text="Subscribe now: three months for the price of one.", rule="promo", line=1),
            Removed(text=f"Read more: What {other} makes of it", rule="promo", line=5, score=0.97),
            Removed(text="Advertisement", rule="promo", line=11),
            Removed(
                text="Do you want to comment? Create a free account or sign in.", rule="promo", line=15, score=0.99
            ),
        ),
        entities=named(text),
        pipeline=PIPELINE,
    )


def articles(count: int = 240, *, last: datetime | None = None) -> Iterator[ArticleExtracted]:
    """Yield articles over four weeks, more of them by day than by night, the last ones at ``last``."""
    draw = random.Random(17)
    end = last or FIRST + timedelta(days=28)
    for number in range(count):
        days = 28 * (1 - (number / count) ** 0.7)
        at = end - timedelta(days=days, minutes=draw.randint(0, 300))
        yield an_article(number, at.replace(microsecond=0), draw)
