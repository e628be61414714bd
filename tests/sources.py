"""A generated source: articles of invented text between lines of its site, which change with time."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

_SUBJECTS = (
    "harbour master", "town council", "ferry company", "school in Vellin", "choir of Karsholm", "night watch",
    "bakery on Lantern Square", "shipyard", "university", "museum of nets", "football club", "water board",
    "brewery", "court in Brennhaven", "fire brigade", "library", "beekeepers", "railway", "observatory", "market hall",
)  # fmt: skip
_VERBS = (
    "has bought", "wants to sell", "is repairing", "will open", "has lost", "is looking for", "has refused",
    "plans to paint", "will not rebuild", "has measured", "praised", "is counting", "has forgotten", "will move",
)  # fmt: skip
_OBJECTS = (
    "the old bridge", "nine lamps", "a crane from Estovia", "the bell of the tower", "two hundred chairs",
    "the northern pier", "its own archive", "a field behind the mill", "the last tram", "three boats",
    "the roof of the station", "the garden of the mayor", "a letter from Tarn Point", "the winter timetable",
    "an island without a name", "the keys of the cellar", "a map of the seabed", "the well in the yard",
)  # fmt: skip
_ENDS = (
    "although the winter was mild", "after a vote that took four hours", "before the ice comes", "with some help",
    "because nobody else would do it", "as neighbours had asked for years", "in spite of the rain",
    "while the inspectors were still in the room", "for less than it had cost", "as soon as the paint is dry",
)  # fmt: skip
REPEATED = "The ministry in Brennhaven did not answer our questions before this edition went to print."
CLOSING = "The hearing continues next week before the same judge."
_SITES = tuple(
    (
        (f"The {paper} is printed on paper from the forests of {place}.", f"{paper} {edition} edition"),
        (f"{paper} readers in {place} pay {offer}", f"Made in {place} by the people of the {paper}."),
        f"The {paper} at your door in {place}",
    )
    for paper, place, edition, offer in (
        ("Lantern", "Estovia", "morning", "nothing in March"),
        ("Evening Lantern", "Lundria", "evening", "half in April"),
        ("City Lantern", "Tarn Point", "city", "less in May"),
        ("Lantern Weekly", "Mosswick", "weekly", "one crown in June"),
        ("New Lantern", "Gridvald", "first", "two crowns in July"),
    )
)


@dataclass(frozen=True)
class Generated:
    """An article as its site shows it, and what of it is the article."""

    body: str
    paragraphs: tuple[str, ...]


def generated(count: int, seed: int = 4) -> Iterator[Generated]:
    """Yield articles; the boilerplate of the site changes five times, two in five repeat a sentence of their own."""
    draw = random.Random(seed)
    for number in range(count):
        above, below, between = _SITES[number * len(_SITES) // count]
        paragraphs = [_paragraph(draw) for _ in range(draw.randint(3, 6))]
        if draw.random() < 0.4:
            paragraphs.insert(draw.randint(1, len(paragraphs) - 1), REPEATED)
        if draw.random() < 0.05:
            paragraphs.append(CLOSING)
        lines = list(paragraphs)
        if draw.random() < 0.8:
            lines.insert(draw.randint(1, len(lines) - 1), between)
        shown = [line for line in (*above, *lines, *below) if line in lines or draw.random() < 0.9]
        yield Generated("\n\n".join(shown), tuple(paragraphs))


def _paragraph(draw: random.Random) -> str:
    return " ".join(_sentence(draw) for _ in range(draw.randint(1, 2)))


def _sentence(draw: random.Random) -> str:
    parts = (draw.choice(_SUBJECTS), draw.choice(_VERBS), draw.choice(_OBJECTS), draw.choice(_ENDS))
    return f"The {' '.join(parts)}, said {draw.choice('ABCDEFGHIJKLMNOPRSTVW')}. {_name(draw)}."


def _name(draw: random.Random) -> str:
    return "".join(draw.choice(("ba", "len", "ro", "mi", "tas", "ker", "ul", "dor")) for _ in range(3)).title()
