"""Environment variables of the processes that parse articles: an allow-list, without any secret of the service."""

from collections.abc import Mapping

from services.extract.blas import kernels

# A parser that an article takes over can read its environment, so what is not named here does not reach it:
# addresses with passwords, tokens of whatever else runs on the machine.
_NAMES = frozenset({
    *("PATH", "HOME", "TMPDIR", "LANG", "LANGUAGE", "TZ", "TZDIR"),
    "LD_LIBRARY_PATH",  # where Python or a library of an extension module is in no standard place
    *("WIREROOM_RULES", "WIREROOM_ALIASES", "WIREROOM_LOG_LEVEL"),
})  # fmt: skip
_PREFIXES = ("LC_", "PYTHON", "OMP_", "OPENBLAS_", "MALLOC_", "WIREROOM_EXTRACT_")
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")  # a process with threads cannot be forked


def of_template(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the allowed part of the service's environment, for one thread; settings are found in any case."""
    return kernels({name: value for name, value in environment.items() if _allowed(name.upper())}) | _ONE_THREAD


def _allowed(name: str) -> bool:
    return name in _NAMES or name.startswith(_PREFIXES)
