"""The sample account over HTTP for the length of a block."""

from contextlib import contextmanager
from threading import Thread

from usage_analysis.sample.serve import Server


@contextmanager
def local_server(endpoint, latency=0.0):
    """Serve an endpoint on a free port and give its address, ``http://127.0.0.1:40123``."""
    with Server(endpoint, 0, latency) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server.url
        finally:
            server.shutdown()
            thread.join()
