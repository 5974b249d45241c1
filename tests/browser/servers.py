"""Servers that a test starts and ends, with every kernel of theirs."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def jupyterlab(folder):
    """Address of JupyterLab over a folder, for the block; it and its kernels end with it."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1",
         f"--port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token=lab",
         "--LabApp.expose_app_in_browser=True", f"--ServerApp.root_dir={folder}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        start_new_session=True,
    )  # fmt: skip
    try:
        listening(port, server)
        yield f"http://127.0.0.1:{port}/lab"
    finally:
        # A Lab that is told to end while a page is open may wait for it without an end.
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def listening(port, server, patience=120):
    """Wait until somebody listens on a port."""
    end = time.monotonic() + patience
    while time.monotonic() < end and server.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.2)
    raise AssertionError(f"nobody listens on {port}; the server's status is {server.poll()}")
