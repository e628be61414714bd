"""One language's model: texts in, the names that it finds out; memory and time are bounded.

Its memory grows with the longest text and with each new word, the tokenizer's time with symbols in a row.
"""

import gc
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

from spacy.language import Language
from spacy.tokenizer import Tokenizer
from spacy.tokens import Doc

from services.extract.entities.ner.encoder import UnknownLayout
from services.extract.entities.ner.fast_ner import Fast, found_by, spans_of
from services.extract.entities.ner.frequent_words import frequent_parts
from services.extract.entities.ner.models import load_model
from services.extract.entities.ner.word_table import CAPACITY
from services.extract.entities.spans import Span
from shared.stream_safe import is_mark

log = logging.getLogger(__name__)

Find = Callable[[Sequence[str]], list[list[Span]]]

# spaCy never forgets a word: a new pipeline keeps the memory flat, for under 1 % of the time
_MOST_NEW_STRINGS = 60_000
# code points read at once: the parser's loop is the cheaper for more, spaCy's own encoder outgrows the caches
_AT_ONCE, _AT_ONCE_STOCK = 100_000, 10_000
MOST_SYMBOLS = 40  # in one run without a space; a link has some twenty
MOST_IN_A_ROW = 16  # and of these nothing but symbols
_LONG_RUN = re.compile(rf"\S{{{MOST_SYMBOLS + 1},}}")
_SYMBOL = re.compile(r"[^\w\s]|_")
LONGEST = 60_000  # code points; a long reportage, so that cutting is rare


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
        self._find = self._chosen()
        self._strings_at_start = len(self._nlp.vocab.strings)
        self.generation += 1

    def _chosen(self) -> Find:
        try:
            return Fast(self._nlp, self._read, self._capacity, frequent_parts(self._language))
        except UnknownLayout as why:
            self.slow_because = str(why)
            return self._stock

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        """Return what the model takes for names in each text, as it finds them."""
        found: list[list[Span]] = [[] for _ in texts]
        parts = ((index, *piece) for index, text in enumerate(texts) for piece in pieces(text))
        for batch in _batches(parts, _AT_ONCE_STOCK if self.slow_because else _AT_ONCE):
            for (index, offset, _), spans in zip(batch, self._find([piece for *_, piece in batch]), strict=True):
                found[index] += [Span(offset + start, offset + end, label) for start, end, label in spans]
        return found

    def _stock(self, texts: Sequence[str]) -> list[list[Span]]:
        docs = [self._read(text) for text in texts]
        found = found_by(self._nlp.get_pipe("ner"), docs)
        return [list(spans_of(doc, names)) for doc, names in zip(docs, found, strict=True)]

    def _read(self, text: str) -> Doc:
        parts = bounded_runs(text) if isinstance(self._nlp.tokenizer, Tokenizer) else [text]
        docs = [self._nlp.make_doc(part) for part in parts]
        return docs[0] if len(docs) == 1 else Doc.from_docs(docs, ensure_whitespace=False)

    def renew_if_full(self) -> bool:
        """Load the pipeline anew once it has learnt too many strings, and tell whether it was."""
        full = len(self._nlp.vocab.strings) - self._strings_at_start >= self._most_new_strings
        if full:
            del self._nlp, self._find  # before the next is loaded: two at once would be the most this process ever has
            gc.collect()
            self._renew()
        return full

    @property
    def nlp(self) -> Language:
        """The pipeline of this generation."""
        return self._nlp


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


def pieces(text: str, longest: int = LONGEST) -> Iterator[tuple[int, str]]:
    """Yield each piece with its offset: whole paragraphs where possible, else whole words; joined they are the text."""
    start = 0
    while len(text) - start > longest:
        end = start + longest
        cut = max(text.rfind("\n", start, end), -1) + 1 or text.rfind(" ", start, end) + 1 or end
        yield start, text[start:cut]
        start = cut
    yield start, text[start:]


def bounded_runs(text: str) -> list[str]:
    """Cut what is written without a space wherever it has so many symbols; joined the parts are the text.

    The tokenizer takes one symbol after the other off such a run and searches all of the rest each time: 8 kB of
    apostrophes took it ten seconds. Letters cost nothing, also where a script has no spaces, and marks belong to them.
    """
    cuts = [0]
    for run in _LONG_RUN.finditer(text):
        symbols = in_a_row = end = 0
        for symbol in _SYMBOL.finditer(text, run.start(), run.end()):
            if is_mark(symbol[0]):
                continue
            symbols, in_a_row = symbols + 1, in_a_row + 1 if symbol.start() == end else 1
            end = symbol.end()
            if symbols == MOST_SYMBOLS or in_a_row == MOST_IN_A_ROW:
                cuts.append(end)
                symbols = in_a_row = 0
    if len(cuts) == 1:
        return [text]
    return [text[start:end] for start, end in pairwise([*cuts, len(text)]) if start < end]
