"""Process pool whose workers may hang, exceed their memory or crash without harm to the service or other messages.

``template`` loads the models once and then only forks; ``worker`` is what it forks; ``processes`` is how the service
speaks with both; ``pool`` gives batches to workers and judges what ends them; ``frames`` is their language.
Nothing here knows what the work is: a job takes byte strings and returns one for each.
"""

from services.extract.pool.pool import Limits, Pool, Task, opened
from services.extract.pool.processes import TemplateFailed
from services.extract.pool.worker import Job

__all__ = ["Job", "Limits", "Pool", "Task", "TemplateFailed", "opened"]
