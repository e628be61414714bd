"""Makes a loaded pipeline fast, and proves on a fixed text that it still finds what it found."""

from typing import Any

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc
from thinc.api import Model, NumpyOps

from services.extract.entities.encoder import CAPACITY, Encoder, UnknownLayout

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


def accelerate(nlp: Language, capacity: int = CAPACITY) -> None:
    """Compute the encoder of ``ner`` in numpy; raises UnknownLayout and leaves the pipeline as it was."""
    _refuse_unknown(nlp.config["components"]["ner"]["model"])
    model = nlp.get_pipe("ner").model
    doc = nlp.make_doc(CHECK_TEXT)
    stock, ops = model.layers[0], model.ops
    rows, found = stock.predict([doc]), _found(nlp, doc)
    encoder = Encoder(stock, capacity)
    if not np.allclose(encoder([doc]), rows, atol=_CLOSE):
        raise UnknownLayout("its encoder computes something else")
    _use(model, _as_layer(encoder, stock), NumpyOps(use_blis=False) if type(ops) is NumpyOps else ops)
    if (ours := _found(nlp, doc)) != found:
        _use(model, stock, ops)
        raise UnknownLayout(f"on a known text it finds {ours} with the fast encoder and {found} with its own")


def _refuse_unknown(config: dict[str, Any]) -> None:
    for path, known in KNOWN.items():
        value: Any = config
        for key in path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        if value != known:
            raise UnknownLayout(f"its {path} is {value!r}, not {known!r}")


def _found(nlp: Language, doc: Doc) -> list[tuple[int, int, str]]:
    ner = nlp.get_pipe("ner")
    ner.set_annotations([doc], ner.predict([doc]))
    found = [(ent.start, ent.end, ent.label_) for ent in doc.ents]
    doc.ents = []
    return found


def _as_layer(encoder: Encoder, stock: Model) -> Model:
    def forward(_model: Model, docs: list[Doc], is_train: bool) -> tuple[Any, Any]:  # noqa: ARG001 - thinc's form
        return encoder(docs), _not_trained

    return Model("numpy_encoder", forward, dims={"nO": stock.get_dim("nO")}, attrs={"encoder": encoder})


def _not_trained(_gradient: object) -> None:
    raise NotImplementedError("the fast encoder reads and does not learn")


def _use(model: Model, tok2vec: Model, ops: Any) -> None:  # noqa: ANN401 - spaCy and thinc have no types here
    model.layers[0] = tok2vec
    model.set_ref("tok2vec", tok2vec)
    for node in model.walk():
        node.ops = ops
