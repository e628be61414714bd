"""The extract stage as a process of its own, for the benches; speaks as ``bare_spacy`` does."""

import json
import sys
import time
from datetime import UTC, datetime

from services.extract import configured, tagging
from services.extract.extraction import extract_batch
from services.extract.settings import ExtractSettings
from services.ingest.identity import ingested
from shared.messages import ArticleSubmitted


def main(_model: str, way: str) -> None:
    options = ExtractSettings()
    cleaner, tagger, now = configured.cleaner(options), tagging.tagger(options), datetime.now(UTC)
    for line in sys.stdin:
        texts = json.loads(line)
        raw = [
            ingested(ArticleSubmitted(source="bench", body=text, guid=str(n)), version=n, received_at=now)
            for n, text in enumerate(texts, 1)
        ]
        refused, began = 0, time.process_time()
        for start in range(0, len(raw), options.batch):
            if way == "tag":
                tagger.tag([("en", (text,), None) for text in texts[start : start + options.batch]])
            else:
                results = extract_batch(raw[start : start + options.batch], cleaner, tagger)
                refused += sum(isinstance(result, Exception) for result in results)
        sys.stdout.write(json.dumps({"seconds": time.process_time() - began, "refused": refused}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
