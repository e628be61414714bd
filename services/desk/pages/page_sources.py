"""What pages show besides the index, each of which may be unavailable for a while or not be there at all."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from nats.js import JetStreamContext

from services.desk.pages.administration import Administration
from services.desk.pages.page_errors import broker_unavailable, database_unavailable
from services.desk.pages.pipeline_monitor import PipelineMonitor
from services.desk.settings import Probe
from services.store.queries import Documents


@dataclass
class Sources:
    """The database, the broker once it is connected, and who may change something; absent ones answer 503."""

    database: Documents | None = None
    administration: Administration = field(default_factory=Administration)
    js: JetStreamContext | None = None
    monitor: PipelineMonitor | None = None

    def connect(self, js: JetStreamContext, probes: Sequence[Probe] = ()) -> PipelineMonitor:
        """Use a connection to the broker from now on; whoever connects runs the monitor that is returned."""
        self.js, self.monitor = js, PipelineMonitor(js, probes)
        return self.monitor

    @property
    def broker(self) -> JetStreamContext:
        """Return the connection; raises PageError 503."""
        if self.js is None:
            raise broker_unavailable()
        return self.js

    @property
    def watched(self) -> PipelineMonitor:
        """Return the monitor; raises PageError 503."""
        if self.monitor is None:
            raise broker_unavailable()
        return self.monitor

    @property
    def documents(self) -> Documents:
        """Return the database; raises PageError 503."""
        if self.database is None:
            raise database_unavailable()
        return self.database
