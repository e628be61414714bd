"""Language identification: the text decides, what the publisher declared helps where it is unsure."""

from functools import cached_property
from typing import NamedTuple

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from shared.messages import UNDETERMINED

_SAMPLE = 2000  # characters; more do not change the answer
_ENOUGH = 100  # characters; on less the model is a guess among neighbours, such as Danish and Norwegian
_GLANCE, _EVERY = 60, 200  # characters of every so many are enough where they leave no doubt
_NO_DOUBT = 0.9995  # told as 1; then the whole sample was never found to say anything else, and it takes twice as long
_SURE, _LIKELY, _POSSIBLE = 0.9, 0.6, 0.02
_NO_LANGUAGE = "zxx"  # the model's label for what is no language
_SHORT_CODES = {
    "ara": "ar", "deu": "de", "dut": "nl", "eng": "en", "fra": "fr", "fre": "fr", "ger": "de", "ita": "it",
    "jpn": "ja", "nld": "nl", "pol": "pl", "por": "pt", "rus": "ru", "spa": "es", "tur": "tr", "zho": "zh",
}  # fmt: skip


class Identified(NamedTuple):
    """An ISO 639 code, or ``und``, and how likely the text is in that language, from 0 to 1."""

    language: str
    confidence: float


class LanguageModel:
    """The model of languages; it is loaded when the first text comes, which takes 0.4 s and 60 MB."""

    def identify(self, text: str, declared: str | None) -> Identified:
        """Return the language of a text; ``declared`` is BCP 47, such as de-AT."""
        sample = text[:_SAMPLE]
        hint = _code(declared)
        ranked = self._ranked(sample)
        language = _choose(ranked, hint, long=len(sample) >= _ENOUGH)
        return Identified(language, round(min(ranked.get(language, 0.0), 1.0), 3))

    def _ranked(self, sample: str) -> dict[str, float]:
        """Return the probability of each language."""
        if len(sample) > 2 * _EVERY:
            glance = "".join(sample[start : start + _GLANCE] for start in range(0, len(sample), _EVERY))
            ranked = dict(self._identifier.rank(glance))
            if max(ranked.values()) >= _NO_DOUBT:
                return ranked
        return dict(self._identifier.rank(sample))

    @cached_property
    def _identifier(self) -> LanguageIdentifier:
        return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def _choose(ranked: dict[str, float], hint: str | None, *, long: bool) -> str:
    best = max(ranked, key=lambda language: ranked[language])
    probability = ranked[best]
    if probability >= _SURE and long:
        return _known(best)
    if hint and ranked.get(hint, 0.0) >= _POSSIBLE:
        return hint
    return _known(best) if probability >= _LIKELY else hint or UNDETERMINED


def _code(declared: str | None) -> str | None:
    """Return the language of a BCP 47 tag, by its short code if it has one."""
    code = (declared or "").replace("_", "-").split("-")[0].lower()
    code = _SHORT_CODES.get(code, code)
    return code if code.isascii() and code.isalpha() and len(code) in (2, 3) and code != UNDETERMINED else None


def _known(language: str) -> str:
    return UNDETERMINED if language == _NO_LANGUAGE else language
