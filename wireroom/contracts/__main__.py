"""Writes the generated documents anew: ``python -m wireroom.contracts docs``."""

import sys
from pathlib import Path

from wireroom.contracts.generated_documents import documents

for name, content in documents().items():
    Path(sys.argv[1], name).write_text(content, "utf-8")
