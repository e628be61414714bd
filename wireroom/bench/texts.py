"""What the benches read: our samples over and over, the same with other names in each, or a file of texts."""

import json
import random
from collections.abc import Iterator
from itertools import count, cycle, islice
from pathlib import Path

from shared.messages import ArticleSubmitted
from wireroom.samples import sample_lines

_SYLLABLES = ("bar", "cor", "dan", "gor", "hal", "kar", "len", "mor", "nar", "quil", "ram", "sol", "tam", "ur", "wen")
_OTHERWISE = 0.5  # of the names in an article


def sample_submissions() -> Iterator[ArticleSubmitted]:
    """Yield the English samples over and over without end, each an article of its own by its guid."""
    parsed = [json.loads(line) for line in sample_lines()]
    good = [item for item in parsed if item.get("language") == "en" and set(item) <= set(ArticleSubmitted.model_fields)]
    for number, item in enumerate(cycle(good)):
        yield ArticleSubmitted(**{**item, "guid": f"bench-{number}"})


def submissions(texts: Path | None) -> Iterator[ArticleSubmitted]:
    """Yield articles without end, each an article of its own: those of a file over and over, else our samples."""
    if texts is None:
        yield from sample_submissions()
        return
    numbers = count()
    while True:
        for text in given(texts):
            yield ArticleSubmitted(source="bench", body=text, guid=f"bench-{next(numbers)}")


def given(texts: Path) -> Iterator[str]:
    """Yield the ``text`` of each line of JSON; raises OSError, ValueError or KeyError where it is no such file."""
    with texts.open(encoding="utf-8") as lines:
        yield from (json.loads(line)["text"] for line in lines)


def renamed() -> Iterator[str]:
    """Yield the samples with other names in each: what the stage remembers of words must not flatter it."""
    chance = random.Random(7)
    for article in sample_submissions():
        names = {
            word: "".join(chance.choices(_SYLLABLES, k=chance.randint(2, 3))).capitalize()
            for word in sorted(set(article.body.split()))
            if word.istitle() and word.isalpha() and chance.random() < _OTHERWISE
        }
        yield "\n".join(" ".join(names.get(word, word) for word in line.split()) for line in article.body.splitlines())


def with_new_words(new: int) -> Iterator[str]:
    """Yield the samples, renamed, each with so many words that no other text has."""
    numbers = count()
    for text in renamed():
        made = " ".join(f"{_SYLLABLES[n % len(_SYLLABLES)]}{n:x}".capitalize() for n in islice(numbers, new))
        yield f"{text}\n\nAmong those who came were {made}, as was said later that day in the harbour."
