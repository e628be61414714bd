"""What OpenBLAS is told of the processor; it reads this once, when numpy is imported."""

from collections.abc import MutableMapping
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_WIDE = {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}


def choose_kernels(environment: MutableMapping[str, str], cpuinfo: Path = _CPUINFO) -> None:
    """Set what is not set: one thread, because one process takes one core, and the widest kernels that run here.

    On newer processors of AMD OpenBLAS 0.3.31 takes those for AVX2, at half the speed of those for AVX-512.
    """
    environment.setdefault("OPENBLAS_NUM_THREADS", "1")
    if _has_wide_registers(cpuinfo):
        environment.setdefault("OPENBLAS_CORETYPE", "SkylakeX")


def _has_wide_registers(cpuinfo: Path) -> bool:
    """Only for AMD: on Intel OpenBLAS chooses well by itself."""
    try:
        text = cpuinfo.read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    flags = next((line for line in text.splitlines() if line.startswith("flags")), "")
    return "AuthenticAMD" in text and set(flags.split()) >= _WIDE
