"""Word lists: what stands most often between white space in articles of a language, most frequent first."""

from pathlib import Path

_FOLDER = Path(__file__).parent / "words"


def path_of(language: str) -> Path:
    return _FOLDER / f"{language}.txt"


def frequent_parts(language: str) -> list[str]:
    """Return the list of a language, empty where there is none; a part ends with the space that follows it."""
    path = path_of(language)
    return path.read_text("utf-8").split("\n")[:-1] if path.is_file() else []
