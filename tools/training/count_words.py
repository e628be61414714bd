"""Writes the word list of a language: the parts of texts between white space that most publishers of a pack use.

Run with ``python -m tools.training.count_words LANGUAGE PACK``; a pack is JSON Lines with ``publisher`` and
``paragraphs``. A part counts once for a publisher, so that no name of one of them becomes frequent.
"""

import sys
from collections import defaultdict
from pathlib import Path

from services.extract.clean.language import LanguageModel
from services.extract.entities.ner.frequent_words import path_of
from services.extract.entities.ner.tokens import parts_of
from tools.evaluation.clean_quality import records_of

_PUBLISHERS = 8  # that use a part: some 12,000 parts of English


def main(language: str, pack: Path) -> None:
    languages = LanguageModel()
    publishers: dict[str, set[str]] = defaultdict(set)
    for record in records_of(pack):
        text = "\n\n".join(record["paragraphs"])
        if languages.identify(text, None).language == language:
            for part in parts_of(text):
                publishers[part].add(record["publisher"])
    words = [part for part, users in publishers.items() if len(users) >= _PUBLISHERS and not part.isspace()]
    words.sort(key=lambda part: (-len(publishers[part]), part))
    path_of(language).write_text("".join(f"{word}\n" for word in words), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
