"""Environment variables of OpenBLAS, for whoever starts a process that computes: they are read once, with numpy."""

from collections.abc import Mapping
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_WIDE = {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}


def kernels(environment: Mapping[str, str], cpuinfo: Path = _CPUINFO) -> dict[str, str]:
    """Return an environment with what is not set: one thread, as a process takes one core, and the widest kernels.

    On newer processors of AMD OpenBLAS 0.3.31 takes those for AVX2, at half the speed of those for AVX-512.
    """
    chosen = {"OPENBLAS_NUM_THREADS": "1"}
    if _has_wide_registers(cpuinfo):
        chosen["OPENBLAS_CORETYPE"] = "SkylakeX"
    return chosen | dict(environment)


def _has_wide_registers(cpuinfo: Path) -> bool:
    """Only for AMD: on Intel OpenBLAS chooses well by itself."""
    try:
        text = cpuinfo.read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    flags = next((line for line in text.splitlines() if line.startswith("flags")), "")
    return "AuthenticAMD" in text and set(flags.split()) >= _WIDE
