"""What a loaded model finds, computed fast, and proven on a fixed text to be what it finds itself."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc
from thinc.api import Model, NumpyOps

from services.extract.entities.ner.decoder import Decoder, Found, texts_of
from services.extract.entities.ner.encoder import Encoder, UnknownLayout
from services.extract.entities.ner.tokens import PartTable, Read, compute_only, tokens_of
from services.extract.entities.ner.word_table import CAPACITY, Floats, Numbers, TableFull
from services.extract.entities.spans import Span

_CLOSE = 1e-3  # of rows whose values are about 1; another order of adding up makes them differ by 1e-5
_TOK2VEC = "spacy.Tok2Vec.v2"
KNOWN = {
    "@architectures": "spacy.TransitionBasedParser.v2",
    "tok2vec.@architectures": _TOK2VEC,
    "tok2vec.embed.@architectures": "spacy.MultiHashEmbed.v2",
    "tok2vec.embed.include_static_vectors": False,
    "tok2vec.encode.@architectures": "spacy.MaxoutWindowEncoder.v2",
    "tok2vec.encode.window_size": 1,
}
CHECK_TEXT = """\
NORTHMOOR (Reuters) - Theodora Vance, the mayor of Chicago, won't sell the city's 49% stake in Brindle Freight Corp. \
to Japan's Sable Holdings, she told the BBC on Monday, 3 March 2025. “We've said no twice,” Ms. Vance said; the U.S. \
and the European Union had urged her to reconsider.

Das Rathaus von Köln wird 2027 für 48,5 Millionen Euro saniert, sagte Oberbürgermeisterin Käthe Brückner am Freitag. \
La ministre de la Culture, Élodie Marchand, a quitté Paris pour l'Élysée. El alcalde de Sevilla, Íñigo Robledo, viajó \
a México. 東京で会議があった。 Ηλίας Ρούσσος, Анна Белова и Zoë Åkerlund-O'Dell went, too: https://example.com/a?b=1 🚢

   SPORT: Harbour United 2-1 Old Quay Rovers (half-time 1-0)\tAtt. 12,345; M. de la Cruz Jr. scored in the 89th minute.
"""


class Encoded(NamedTuple):
    """The tokens of one text: rows of the encoder, code points, and which are white space."""

    rows: Floats
    starts: Numbers
    ends: Numbers
    space: NDArray[np.bool_]


class Fast:
    """Finds what ``ner`` finds; raises UnknownLayout where it might not. Not for two threads.

    ``frequent`` are parts of texts as they stand between white space, whose tokens are kept for good.
    """

    def __init__(self, nlp: Language, read: Read, capacity: int = CAPACITY, frequent: Iterable[str] = ()) -> None:
        _refuse_unknown(nlp.config["components"]["ner"]["model"])
        ner = nlp.get_pipe("ner")
        tok2vec = ner.model.layers[0]
        self._read, self._encoder, self._decoder = read, Encoder(tok2vec, capacity), Decoder(ner)
        self._parts = PartTable(read, nlp.tokenizer, self._encoder.words, 2 * capacity)
        ops = tok2vec.ops
        try:
            self._compare(ner, tok2vec)
        except UnknownLayout:
            _use(tok2vec, ops)
            raise
        self._parts.clear()
        if self._parts.usable:
            compute_only(self._encoder.words.columns, nlp.vocab)
            with suppress(TableFull):
                self._parts.learn(frequent)
        self._parts.keep()

    def __call__(self, texts: Sequence[str]) -> list[list[Span]]:
        """Return what is found in each text."""
        some = [text for text in texts if text]
        if not some:
            return [[] for _ in texts]
        encoded = self._looked_up(some) or self._tokenised(some)
        rows, _, _, space = map(np.concatenate, zip(*encoded, strict=True))
        found = self._decoder(rows, texts_of([len(one.rows) for one in encoded], space))
        spans = (list(_spans(*pair)) for pair in zip(found, encoded, strict=True))
        return [next(spans) if text else [] for text in texts]

    def _looked_up(self, texts: Sequence[str]) -> list[Encoded] | None:
        found = self._parts.tokens(texts)
        return None if found is None else [Encoded(self._encoder(tokens.words), *tokens[1:]) for tokens in found]

    def _tokenised(self, texts: Iterable[str]) -> list[Encoded]:
        """Let spaCy tokenise the texts, and embed their words for nothing but this."""
        encoded = []
        for text in texts:
            tokens = tokens_of(self._read(text), self._encoder.words.columns)
            words = self._encoder.table(len(tokens.words))
            encoded.append(Encoded(self._encoder(words.rows(tokens.words), words), *tokens[1:]))
        return encoded

    def _compare(self, ner: Any, tok2vec: Model) -> None:  # noqa: ANN401 - spaCy has no types here
        doc = self._read(CHECK_TEXT)
        rows, found = tok2vec.predict([doc]), found_by(ner, [doc])[0]
        if type(tok2vec.ops) is NumpyOps:
            _use(tok2vec, NumpyOps(use_blis=False))  # for the embedding of new words
        for [encoded] in filter(None, (self._tokenised([CHECK_TEXT]), self._looked_up([CHECK_TEXT]))):
            if encoded.rows.shape != rows.shape or not np.allclose(encoded.rows, rows, atol=_CLOSE):
                raise UnknownLayout("its encoder computes something else")
        if (ours := self([CHECK_TEXT])[0]) != (theirs := list(spans_of(doc, found))):
            raise UnknownLayout(f"on a known text it finds {theirs}, and {ours} when computed fast")


def _spans(found: Iterable[Found], encoded: Encoded) -> Iterator[Span]:
    for first, after, label in found:
        yield Span(int(encoded.starts[first]), int(encoded.ends[after - 1]), label)


def _refuse_unknown(config: dict[str, Any]) -> None:
    for path, known in KNOWN.items():
        value: Any = config
        for key in path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        if value != known:
            raise UnknownLayout(f"its {path} is {value!r}, not {known!r}")


def found_by(ner: Any, docs: Sequence[Doc]) -> list[list[Found]]:  # noqa: ANN401 - spaCy has no types here
    """Return what spaCy's own ``ner`` finds; the documents are left as they were."""
    ner.set_annotations(docs, ner.predict(docs))
    found = [[(ent.start, ent.end, ent.label_) for ent in doc.ents] for doc in docs]
    for doc in docs:
        doc.ents = []
    return found


def spans_of(doc: Doc, found: Iterable[Found]) -> Iterator[Span]:
    """Yield what was found in code points of the document."""
    for first, after, label in found:
        last = doc[after - 1]
        yield Span(doc[first].idx, last.idx + len(last), label)


def _use(model: Model, ops: Any) -> None:  # noqa: ANN401 - thinc has no types here
    for node in model.walk():
        node.ops = ops
