"""One language's model at work: texts in, what it takes for names out; its memory stays bounded."""

import logging
from collections.abc import Iterable, Iterator, Sequence

from spacy.language import Language
from spacy.tokens import Doc

from services.extract.entities.encoder import CAPACITY, UnknownLayout
from services.extract.entities.fast import accelerate
from services.extract.entities.model import load_model
from services.extract.entities.pieces import pieces
from services.extract.entities.spans import Span

log = logging.getLogger(__name__)

# spaCy never forgets a word: a new pipeline keeps the memory flat, for under 1 % of the time
_MOST_NEW_STRINGS = 60_000
# code points read at once: the parser's loop is the cheaper for more, spaCy's own encoder outgrows the caches
_AT_ONCE, _AT_ONCE_STOCK = 100_000, 10_000


class Pipeline:
    """One loaded model, replaced by a fresh one before its vocabulary fills the memory; not for two threads."""

    def __init__(
        self, name: str, language: str, *, most_new_strings: int = _MOST_NEW_STRINGS, capacity: int = CAPACITY
    ) -> None:
        self._name, self._language = name, language
        self._most_new_strings, self._capacity = most_new_strings, capacity
        self.generation = 0
        self.slow_because: str | None = None
        self._renew()
        self.version = f"{name} {self._nlp.meta['version']}"
        if self.slow_because:
            log.warning(
                "%s for %s runs at spaCy's own speed, several times slower: %s", name, language, self.slow_because
            )

    def _renew(self) -> None:
        self._nlp = load_model(self._name, self._language)
        self._ner = self._nlp.get_pipe("ner")
        try:
            accelerate(self._nlp, self._capacity)
        except UnknownLayout as why:
            self.slow_because = str(why)
        self._strings_at_start = len(self._nlp.vocab.strings)
        self.generation += 1

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        """Return what the model takes for names in each text, as it finds them."""
        found: list[list[Span]] = [[] for _ in texts]
        parts = ((index, *piece) for index, text in enumerate(texts) for piece in pieces(text))
        for batch in _batches(parts, _AT_ONCE_STOCK if self.slow_because else _AT_ONCE):
            docs = [self._nlp.make_doc(piece) for _, _, piece in batch]
            self._ner.set_annotations(docs, self._ner.predict(docs))
            for (index, offset, _), doc in zip(batch, docs, strict=True):
                found[index] += _spans(doc, offset)
        return found

    def renew_if_full(self) -> bool:
        """Load the pipeline anew once it has learnt too many strings, and tell whether it was."""
        full = len(self._nlp.vocab.strings) - self._strings_at_start >= self._most_new_strings
        if full:
            self._renew()
        return full

    @property
    def nlp(self) -> Language:
        """The pipeline of this generation."""
        return self._nlp


def _spans(doc: Doc, offset: int) -> Iterator[Span]:
    return (Span(offset + ent.start_char, offset + ent.end_char, ent.label_) for ent in doc.ents)


def _batches(parts: Iterable[tuple[int, int, str]], most: int) -> Iterator[list[tuple[int, int, str]]]:
    """Group pieces up to so many code points; a longer piece goes alone."""
    batch: list[tuple[int, int, str]] = []
    size = 0
    for part in parts:
        if batch and size + len(part[2]) > most:
            yield batch
            batch, size = [], 0
        batch.append(part)
        size += len(part[2])
    if batch:
        yield batch
