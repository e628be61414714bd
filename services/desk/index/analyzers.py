"""Text analysis by language: one analyzer, and one pair of index fields, for each language with a Snowball stemmer.

Languages without a stemmer share the group ``xx``, those written without spaces share ``cj`` (bigrams).
"""

from collections.abc import Mapping
from types import MappingProxyType

from tantivy import Filter, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

UNSTEMMED, BIGRAMS = "xx", "cj"
_STEMMERS: Mapping[str, str] = MappingProxyType({
    "ar": "arabic", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish",
    "fi": "finnish", "fr": "french", "hu": "hungarian", "it": "italian", "nl": "dutch", "no": "norwegian",
    "pt": "portuguese", "ro": "romanian", "ru": "russian", "sv": "swedish", "ta": "tamil", "tr": "turkish",
})  # fmt: skip
_WITHOUT_SPACES = frozenset({"zh", "ja", "th", "lo", "km", "my"})
_NORWEGIAN = frozenset({"nb", "nn"})
GROUPS = (*_STEMMERS, UNSTEMMED, BIGRAMS)
_LONGEST_TOKEN = 80  # bytes; what is longer is no word


def group_of(language: str) -> str:
    """Return the group that a language is analysed in."""
    if language in _NORWEGIAN:
        return "no"
    if language in _WITHOUT_SPACES:
        return BIGRAMS
    return language if language in _STEMMERS else UNSTEMMED


def title_field(group: str) -> str:
    return f"title_{group}"


def body_field(group: str) -> str:
    return f"body_{group}"


def analyzer_name(group: str) -> str:
    return f"text_{group}"


def analyzers() -> dict[str, TextAnalyzer]:
    """Return the analyzer of each group: lower case, stems, and without diacritics, which are often not typed."""
    return {group: _analyzer(group) for group in GROUPS}


def _analyzer(group: str) -> TextAnalyzer:
    tokenizer = Tokenizer.ngram(2, 2) if group == BIGRAMS else Tokenizer.simple()
    builder = TextAnalyzerBuilder(tokenizer).filter(Filter.remove_long(_LONGEST_TOKEN)).filter(Filter.lowercase())
    if stemmer := _STEMMERS.get(group):
        builder = builder.filter(Filter.stemmer(stemmer))
    return builder.filter(Filter.ascii_fold()).build()
