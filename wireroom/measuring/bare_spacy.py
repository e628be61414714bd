"""Bare spaCy as a process of its own, for the benches: nothing of ours is loaded or set here.

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
    for line in sys.stdin:
        texts = json.loads(line)
        began = time.process_time()
        found = sum(len(doc.ents) for doc in nlp.pipe(texts))
        sys.stdout.write(json.dumps({"seconds": time.process_time() - began, "entities": found}) + "\n")
        sys.stdout.flush()


def _components(package: str) -> list[str]:
    meta: dict[str, Any] = spacy.util.get_model_meta(spacy.util.get_package_path(package))
    return list(meta.get("components") or meta["pipeline"])


if __name__ == "__main__":
    main(*sys.argv[1:])
