"""Extract. Its kernels are chosen here, before any of its modules imports numpy: afterwards it is too late."""

import os

from services.extract.blas import choose_kernels

choose_kernels(os.environ)
