"""The fast way finds exactly what spaCy finds on its own; where it cannot, spaCy's own way is taken."""

import json
import logging
import random
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc

from services.extract.blas import kernels
from services.extract.entities.ner import decoder, fast_ner, word_table
from services.extract.entities.ner.decoder import Decoder
from services.extract.entities.ner.encoder import Encoder, UnknownLayout
from services.extract.entities.ner.fast_ner import CHECK_TEXT, Fast
from services.extract.entities.ner.models import load_model
from services.extract.entities.ner.pipeline import Pipeline, pieces
from services.extract.entities.ner.tokens import PartTable, tokens_of
from services.extract.entities.ner.word_table import Floats, TableFull
from services.extract.entities.spans import Span
from services.extract.pool.worker_environment import of_template
from shared.errors import Rejected
from tests.cleaning import clean
from wireroom.samples import sample_lines

ODD = ("", " ", "\n\n", "x", "U.S.", "won't can't US's", "🚢" * 40, "A" * 5000, "Mara\u00a0Quill\tof\nNorthmoor")


def the_corpus() -> tuple[str, ...]:
    """Every sample, raw and cleaned, in whichever language, and what is hard on a tokenizer."""
    bodies = [json.loads(line)["body"] for line in sample_lines()]
    return (*(body for body in bodies), *(text for body in bodies if (text := cleaned(body))), CHECK_TEXT, *ODD)


def cleaned(body: str) -> str:
    try:
        return "\n\n".join(clean(body, "text/plain").paragraphs)
    except Rejected:
        return ""


def stock_spans(nlp: Language, text: str) -> list[Span]:
    return [
        Span(offset + ent.start_char, offset + ent.end_char, ent.label_)
        for offset, piece in pieces(text)
        for ent in nlp(piece).ents
    ]


@pytest.fixture(name="corpus", scope="module")
def loaded_corpus() -> tuple[str, ...]:
    return the_corpus()


@pytest.fixture(name="nlp", scope="module")
def a_model() -> Language:
    return load_model("en_core_web_sm", "en")


@pytest.fixture(name="pipeline", scope="module")
def the_fast_way() -> Pipeline:
    return Pipeline("en_core_web_sm", "en")


@pytest.fixture(name="expected", scope="module")
def found_by_spacy_alone(nlp: Language, corpus: tuple[str, ...]) -> list[list[Span]]:
    return [stock_spans(nlp, text) for text in corpus]


def test_entities_are_those_of_spacy_alone_whatever_the_batch(
    pipeline: Pipeline, corpus: tuple[str, ...], expected: list[list[Span]]
) -> None:
    assert pipeline.slow_because is None
    assert sum(map(len, expected)) > 400
    assert pipeline.find(corpus) == expected
    assert [pipeline.find([text])[0] for text in corpus] == expected
    assert pipeline.find(corpus[::-1]) == expected[::-1]


def test_entities_stay_the_same_while_a_small_table_is_emptied_again_and_again(
    corpus: tuple[str, ...], expected: list[list[Span]]
) -> None:
    pipeline = Pipeline("en_core_web_sm", "en", capacity=300)
    assert pipeline.slow_because is None
    assert [pipeline.find([text])[0] for text in corpus] == expected


def test_names_that_are_longer_than_is_followed_at_once_are_read_to_their_end(
    monkeypatch: pytest.MonkeyPatch, pipeline: Pipeline, corpus: tuple[str, ...], expected: list[list[Span]]
) -> None:
    monkeypatch.setattr(decoder, "_FOLLOWED", 1)
    assert pipeline.slow_because is None
    assert pipeline.find(corpus) == expected


def test_random_texts_of_odd_tokens_have_the_same_entities_as_by_spacy_alone(nlp: Language, pipeline: Pipeline) -> None:
    """Names at the end, across white space and of many tokens: what edited articles do not have."""
    words = [
        "Mara",
        "Quill",
        "of",
        "the",
        "University",
        "\n",
        "  ",
        "and",
        "$",
        "3.5",
        "million",
        "-",
        ",",
        "'s",
        "Bank",
    ]
    chance = random.Random(5)
    texts = [" ".join(chance.choices(words, k=chance.randint(1, 120))) for _ in range(150)]
    expected = [stock_spans(nlp, text) for text in texts]
    assert max(len(nlp.make_doc(text[start:end])) for text, found in zip(texts, expected, strict=True)
               for start, end, _ in found) > 16  # fmt: skip
    assert pipeline.find(texts) == expected


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda ner: ner.cfg.update(beam_width=8), "beam"),
        (lambda ner: ner.model.attrs["unseen_classes"].add(3), "never saw"),
        (lambda ner: ner.model.attrs.update(has_upper=False), "made of"),
    ],
)
def test_a_parser_that_decides_in_another_way_is_refused(change: Callable[[Any], None], why: str) -> None:
    nlp = load_model("en_core_web_sm", "en")
    change(nlp.get_pipe("ner"))
    with pytest.raises(UnknownLayout, match=why):
        Decoder(nlp.get_pipe("ner"))


def rows_of(encoder: Encoder, doc: Doc) -> Floats:
    return encoder(encoder.words.rows(tokens_of(doc, encoder.words.columns).words))


@pytest.mark.parametrize("with_products", [0, 1, 7, 1000])
def test_rows_are_those_of_spacy_however_many_words_have_products(nlp: Language, with_products: int) -> None:
    stock = nlp.get_pipe("ner").model.layers[0]
    encoder = Encoder(stock, capacity=1000, with_products=with_products)
    for text in (CHECK_TEXT, "Gro", CHECK_TEXT[::-1], "Mara Quill of Northmoor " * 300):
        doc = nlp.make_doc(text)
        assert np.allclose(rows_of(encoder, doc), stock.predict([doc]), atol=1e-4)


def test_more_new_words_than_are_multiplied_at_once_have_the_rows_of_spacy(
    nlp: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word_table, "_OTHERS", 5)
    stock = nlp.get_pipe("ner").model.layers[0]
    encoder, doc = Encoder(stock, with_products=4), nlp.make_doc(CHECK_TEXT)
    assert np.allclose(rows_of(encoder, doc), stock.predict([doc]), atol=1e-4)


def test_a_full_table_takes_no_word_and_keeps_what_it_is_told_to_keep(nlp: Language) -> None:
    words = Encoder(nlp.get_pipe("ner").model.layers[0], capacity=10).words
    few = tokens_of(nlp.make_doc("Mara Quill"), words.columns).words
    kept = words.rows(few)
    words.keep()
    words.rows(tokens_of(nlp.make_doc("of Northmoor"), words.columns).words)
    with pytest.raises(TableFull):
        words.rows(tokens_of(nlp.make_doc(CHECK_TEXT), words.columns).words)
    assert len(words) == 4
    words.clear()
    assert len(words) == 2
    assert words.rows(few).tolist() == kept.tolist()


def parts_of_the_model(nlp: Language, capacity: int) -> PartTable:
    words = Encoder(nlp.get_pipe("ner").model.layers[0], capacity).words
    return PartTable(nlp.make_doc, nlp.tokenizer, words, capacity)


def places(nlp: Language, text: str) -> list[tuple[int, int, bool]]:
    return [(token.idx, token.idx + len(token), token.is_space) for token in nlp.make_doc(text)]


@given(st.lists(st.sampled_from([
    *(" ", " ", " ", "  ", "\n", "\n\n", "\t", "\u00a0", "\u2009", "\x1c"),
    *("9", "p.m.", "8", "-", ")", "(", ":", "'", "do", "in", "'s", "a.m.", "C.", "°", "o", ".", "_", "cannot"),
    *("Mara", "won't", "U.S.", "3.5%", "x:y", "https://a.example/b?c=1", "“Well,”", "東京", "🚢", "naïve"),
]), max_size=40))  # fmt: skip
def test_tokens_that_are_looked_up_are_those_of_spacy(nlp: Language, pieces: list[str]) -> None:
    """Also special cases across a space, such as the emoticon in "8 -)", which hide others there."""
    text = "".join(pieces) or " "
    table = parts_of_the_model(nlp, 1000)
    for _ in range(2):  # as they are learnt, and as they are known
        found = table.tokens([text, text])
        assert found is not None
        for tokens in found:
            rows = zip(tokens.starts.tolist(), tokens.ends.tolist(), tokens.space.tolist(), strict=True)
            assert list(rows) == places(nlp, text)


def test_the_table_of_parts_is_bounded_and_keeps_what_it_is_told_to_keep(nlp: Language) -> None:
    table = parts_of_the_model(nlp, 60)
    table.learn(["Mara ", "Quill"])
    table.keep()
    sizes = []
    for number in range(40):
        assert table.tokens([" ".join(f"Gro{number}bnak{letter}" for letter in "abcdefgh")])
        sizes.append(len(table))
    assert max(sizes) <= 60
    assert any(later < earlier for earlier, later in pairwise(sizes))
    table.clear()
    assert len(table) == 2
    assert table.tokens([CHECK_TEXT * 3]) is None
    assert table.tokens(["x" * 1000]) is None


def test_the_frequent_words_are_known_before_the_first_text() -> None:
    pipeline = Pipeline("en_core_web_sm", "en")
    known = len(pipeline.nlp.vocab.strings)
    pipeline.find(["After the meeting on Monday the company said that it would pay the people who had been there."])
    assert len(pipeline.nlp.vocab.strings) == known


def test_a_pipeline_full_of_new_words_is_renewed_and_finds_the_same() -> None:
    pipeline = Pipeline("en_core_web_sm", "en", most_new_strings=200)
    before = pipeline.find([CHECK_TEXT])
    assert not pipeline.renew_if_full()
    pipeline.find([" ".join(f"Gro{number}bnak" for number in range(200))])
    full = len(pipeline.nlp.vocab.strings)
    assert pipeline.renew_if_full()
    assert pipeline.generation == 2
    assert not pipeline.renew_if_full()
    assert len(pipeline.nlp.vocab.strings) < full
    assert pipeline.find([CHECK_TEXT]) == before


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("@architectures",), "spacy.TransitionBasedParser.v9"),
        (("tok2vec", "embed", "include_static_vectors"), True),
        (("tok2vec", "encode", "window_size"), 2),
        (("tok2vec",), {"@architectures": "spacy-transformers.TransformerModel.v3"}),
    ],
)
def test_a_model_of_an_unknown_layout_is_left_as_it_was(
    nlp: Language, path: tuple[str, ...], value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock = nlp.get_pipe("ner").model.layers[0]
    config = nlp.config["components"]["ner"]["model"]
    for key in path[:-1]:
        config = config[key]
    monkeypatch.setitem(config, path[-1], value)
    with pytest.raises(UnknownLayout, match=path[-1]):
        Fast(nlp, nlp.make_doc)
    assert nlp.get_pipe("ner").model.layers[0] is stock


def test_an_encoder_that_computes_something_else_is_refused() -> None:
    nlp = load_model("en_core_web_sm", "en")
    model = nlp.get_pipe("ner").model
    norms = [node for node in model.walk() if node.name == "layernorm"]
    forward = norms[-1]._func  # noqa: SLF001 - a model whose layer does more than its name says

    def doubled(layer: object, rows: object, is_train: bool) -> object:
        values, back = forward(layer, rows, is_train)
        return values * 2, back

    norms[-1]._func = doubled  # noqa: SLF001
    with pytest.raises(UnknownLayout, match="computes something else"):
        Fast(nlp, nlp.make_doc)


def test_an_unknown_model_works_at_spacys_speed_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    corpus: tuple[str, ...],
    expected: list[list[Span]],
) -> None:
    monkeypatch.setitem(fast_ner.KNOWN, "tok2vec.encode.window_size", 2)
    with caplog.at_level(logging.WARNING):
        pipeline = Pipeline("en_core_web_sm", "en")
    assert "window_size" in (pipeline.slow_because or "")
    assert "window_size" in caplog.text
    assert pipeline.find(corpus) == expected


WIDE = "vendor_id\t: {}\nflags\t\t: fpu avx2 avx512f avx512dq avx512cd avx512bw avx512vl\n"


@pytest.mark.parametrize(
    ("cpuinfo", "core"),
    [
        (WIDE.format("AuthenticAMD"), "SkylakeX"),
        (WIDE.format("GenuineIntel"), None),
        ("vendor_id\t: AuthenticAMD\nflags\t\t: fpu avx2 avx512f\n", None),
        (None, None),
    ],
)
def test_kernels_are_chosen_by_what_the_processor_can(tmp_path: Path, cpuinfo: str | None, core: str | None) -> None:
    file = tmp_path / "cpuinfo"
    if cpuinfo:
        file.write_text(cpuinfo)
    environment = kernels({}, file)
    assert environment.get("OPENBLAS_CORETYPE") == core
    assert environment["OPENBLAS_NUM_THREADS"] == "1"


def test_what_the_operator_set_stays(tmp_path: Path) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text(WIDE.format("AuthenticAMD"))
    environment = {"OPENBLAS_NUM_THREADS": "4", "OPENBLAS_CORETYPE": "Zen"}
    assert kernels(environment, file) == {"OPENBLAS_NUM_THREADS": "4", "OPENBLAS_CORETYPE": "Zen"}


def test_importing_the_service_changes_no_environment_and_loads_no_numpy() -> None:
    looks = (
        "import os, sys; before = dict(os.environ); import services.extract.app; "
        "sys.exit(dict(os.environ) != before or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", looks], check=False).returncode == 0


def test_the_template_is_started_with_the_kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text(WIDE.format("AuthenticAMD"))
    monkeypatch.setattr(kernels, "__defaults__", (file,))
    assert of_template({"PATH": "/bin", "A_SECRET": "x"}) == {
        "PATH": "/bin", "OPENBLAS_CORETYPE": "SkylakeX", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"
    }  # fmt: skip
