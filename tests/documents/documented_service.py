"""The example service of docs/consumers.md, as its readers copy it: the module, and its stanza of compose.yaml."""

import re

from tests.paths import ROOT

NAME = "headcount"


def module() -> str:
    """Return the text of ``services/headcount/app.py``."""
    return _block("python")


def compose_file() -> str:
    """Return compose.yaml with the stanza below its ``services:``."""
    return (ROOT / "compose.yaml").read_text("utf-8").replace("\nservices:\n", f"\nservices:\n{_block('yaml')}\n", 1)


def _block(language: str) -> str:
    page = (ROOT / "docs/consumers.md").read_text("utf-8")
    section = page.partition("\n## Add a service\n")[2].partition("\n## ")[0]
    [block] = re.findall(rf"^```{language}\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return str(block)
