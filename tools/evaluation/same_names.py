"""Compares the names that our tagging finds, before merging, with those of spaCy alone, on every article of a pack.

Run with ``python -m tools.evaluation.same_names PACK [LANGUAGE MODEL]``; a pack is JSON Lines with a ``text`` in each.
Articles are read in batches, as a worker reads them, so that what is kept of one is used in the next. The exit code is
1 if any name differs.
"""

import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from services.extract.entities.ner.models import keep_freed_memory, load_model
from services.extract.entities.ner.pipeline import Pipeline, pieces
from services.extract.entities.spans import Span
from services.extract.settings import ExtractSettings
from tools.evaluation.clean_quality import records_of


def main(pack: Path, language: str = "en", model: str = "en_core_web_sm") -> int:
    keep_freed_memory()
    pipeline, spacy_alone = Pipeline(model, language), load_model(model, language)
    articles = names = different = 0
    for batch in _batches(pack, ExtractSettings().batch):
        for text, found in zip(batch, pipeline.find(batch), strict=True):
            expected = [
                Span(offset + name.start_char, offset + name.end_char, name.label_)
                for offset, piece in pieces(text)
                for name in spacy_alone(piece).ents
            ]
            articles, names, different = articles + 1, names + len(expected), different + (found != expected)
    sys.stdout.write(f"{articles} articles, {names} names; {different} articles with other names than by spaCy alone\n")
    return 1 if different or pipeline.slow_because else 0


def _batches(pack: Path, size: int) -> Iterator[list[str]]:
    texts = (record["text"] for record in records_of(pack))
    while batch := list(islice(texts, size)):
        yield batch


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
