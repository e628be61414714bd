"""What a loaded model finds, computed fast, and proven on a fixed text to be what it finds itself."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from spacy.attrs import IS_SPACE
from spacy.language import Language
from spacy.tokens import Doc
from thinc.api import Model, NumpyOps

from services.extract.entities.ner.decoder import Decoder, Found
from services.extract.entities.ner.encoder import CAPACITY, Encoder, UnknownLayout
from services.extract.entities.ner.transition_scores import texts_of

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


class Fast:
    """Finds what ``ner`` finds, in documents that nothing has annotated; raises UnknownLayout where it might not."""

    def __init__(self, nlp: Language, capacity: int = CAPACITY) -> None:
        _refuse_unknown(nlp.config["components"]["ner"]["model"])
        ner = nlp.get_pipe("ner")
        tok2vec = ner.model.layers[0]
        doc = nlp.make_doc(CHECK_TEXT)
        rows, found = tok2vec.predict([doc]), found_by(ner, [doc])
        self._encoder, self._decoder = Encoder(tok2vec, capacity), Decoder(ner)
        ops = tok2vec.ops
        _use(tok2vec, NumpyOps(use_blis=False) if type(ops) is NumpyOps else ops)  # for the embedding of new words
        if not np.allclose(self._encoder([doc]), rows, atol=_CLOSE):
            _use(tok2vec, ops)
            raise UnknownLayout("its encoder computes something else")
        if (ours := self([doc])) != found:
            _use(tok2vec, ops)
            raise UnknownLayout(f"on a known text it finds {found}, and {ours} when computed fast")

    def __call__(self, docs: Sequence[Doc]) -> list[list[Found]]:
        """Return for each document the first token, the token after the last, and the label of each name."""
        some = [doc for doc in docs if len(doc)]
        if not some:
            return [[] for _ in docs]
        space = np.concatenate([doc.to_array(IS_SPACE) for doc in some]).astype(bool)
        found = iter(self._decoder(self._encoder(some), texts_of([len(doc) for doc in some], space)))
        return [next(found) if len(doc) else [] for doc in docs]


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


def _use(model: Model, ops: Any) -> None:  # noqa: ANN401 - thinc has no types here
    for node in model.walk():
        node.ops = ops
