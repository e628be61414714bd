"""Bare spaCy as a process of its own, for the benches: nothing of ours is loaded or set, but where it is asked for.

Reads rounds from standard input, a JSON array of texts on each line; answers each with the seconds of processor time.
"""

import json
import sys
import time
from typing import Any

import spacy


def main(package: str, way: str) -> None:
    exclude = [] if way == "full" else [name for name in _components(package) if name != "ner"]
    nlp = spacy.load(package, exclude=exclude)
    batch = _take_our_settings() if way == "ours" else None
    for line in sys.stdin:
        texts = json.loads(line)
        began = time.process_time()
        found = sum(len(doc.ents) for doc in nlp.pipe(texts, batch_size=batch))
        sys.stdout.write(json.dumps({"seconds": time.process_time() - began, "entities": found}) + "\n")
        sys.stdout.flush()


def _take_our_settings() -> int:
    """Return the size of our batches, and have freed memory kept as we do."""
    from services.extract.entities.ner.models import keep_freed_memory  # noqa: PLC0415 - the other ways go without
    from services.extract.settings import ExtractSettings  # noqa: PLC0415

    keep_freed_memory()
    return ExtractSettings().batch


def _components(package: str) -> list[str]:
    meta: dict[str, Any] = spacy.util.get_model_meta(spacy.util.get_package_path(package))
    return list(meta.get("components") or meta["pipeline"])


if __name__ == "__main__":
    main(*sys.argv[1:])
