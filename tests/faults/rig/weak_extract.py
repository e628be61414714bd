"""The job of extract with a weakness: some guids do to their worker what a parser or a model might."""

from collections.abc import Sequence

from services.extract import worker_job as extract
from services.extract.pool import Job
from services.extract.transport import requested
from tests.unit.runtime.pool_jobs import DEEDS


def open_job() -> Job:
    job = extract.open_job()

    def weak(payloads: Sequence[bytes]) -> Sequence[bytes]:
        for payload in payloads:
            deed = (requested(payload).decoded().guid or "").partition("-")[0]
            if deed != "good":
                DEEDS[deed.encode()]()
        return job(payloads)

    return weak
