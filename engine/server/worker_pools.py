"""The thread pools of a server, one for each kind of blocking work, so that no kind delays another."""

from engine.server.settings import ServerSettings
from engine.server.workers import Workers

# Concurrent recorders share one transaction, and so one sync of the disk.
_RECORDERS = 16


class WorkerPools:
    """The thread pools of one server, to be created on its event loop.

    Attributes:
        searchers: Searches of vectors, and reads of the snapshot.
        encoders: Calls that run a model.
        administrators: Listing and switching snapshots, and erasing shoppers, one at a time.
        writers: Live changes, one at a time.
        recorders: Writes of events.
        describers: Descriptions, which may wait for a chat model.
        readers: Reads of events, which wait for a database.
        all: All of them.
    """

    def __init__(self, settings: ServerSettings) -> None:
        limit = settings.waiting_limit
        self.searchers = Workers("searchers", settings.search_threads, limit)
        self.encoders = Workers("encoders", settings.encoder_threads, limit)
        self.administrators = Workers("administrators", 1, limit)
        self.writers = Workers("writers", 1, limit)
        self.recorders = Workers("recorders", _RECORDERS, limit)
        self.describers = Workers("describers", settings.describe_threads, limit)
        self.readers = Workers("readers", settings.search_threads, limit)
        self.all = (
            self.searchers,
            self.encoders,
            self.administrators,
            self.writers,
            self.recorders,
            self.describers,
            self.readers,
        )
