"""The dashboard as a page: served by Voila to this machine only, and protected by a token."""

import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from usage_analysis.archive.archive import Archive
from usage_analysis.calls.log import read_calls
from usage_analysis.dashboard.choices import Choices
from usage_analysis.dashboard.dates import check_billing_day
from usage_analysis.dashboard.explorer import Explorer
from usage_analysis.dashboard.names import Given, GivenValues, names_of
from usage_analysis.errors import QueryError, UsageError
from usage_analysis.fetch.base import BaseClient
from usage_analysis.fetch.client import Client
from usage_analysis.sample import sample_client

LOOPBACK: Final = "127.0.0.1"
#: The sample account, the live one, or the arguments of `read_calls`.
Owner = str | Mapping[str, Any]
_PATIENCE: Final = 60.0
#: A page that was closed leaves a kernel behind, which ends after so long [s].
_IDLE: Final = 900
#: Header by which a server shows that it has read our settings: others may hold the port.
_PROOF: Final = "Usage-Analysis-Proof"


def page(account: Owner = "sample", archive: str | None = None, **options: Any) -> Explorer:
    """Build the dashboard of the sample account, your account, a list of calls or an archive.

    Parameters
    ----------
    account
        ``"sample"``, ``"live"`` or the arguments of `read_calls`.
    archive
        Folder of an archive to read instead of an account.
    options
        As for `Explorer`.
    """
    return Explorer(_client(account, archive), **options)


def _client(account: Owner, archive: str | None) -> BaseClient:
    if isinstance(account, Mapping):
        return read_calls(**account)
    if archive is not None:
        return Archive(archive).client()
    return sample_client() if account == "sample" else Client()


def _check_page(
    client: BaseClient,
    *,
    agents: Given | None = None,
    voices: Given | None = None,
    metadata: GivenValues | None = None,
    billing_day: int = 1,
    timezone: str | None = None,
    state: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the options as plain JSON, checked here where the user sees errors."""
    names = names_of(client, agents, voices, metadata)
    choices = Choices(names, client.today, check_billing_day(billing_day))
    settings = choices.start(None, timezone, state)
    return {**names._asdict(), "billing_day": billing_day, "state": choices.state(settings)}


def serve(
    account: Owner = "sample",
    *,
    archive: str | os.PathLike[str] | None = None,
    port: int = 0,
    open_browser: bool = True,
    told: Callable[[str], None] = print,
    **options: Any,
) -> None:
    """Serve the dashboard on this machine until Ctrl-C or SIGTERM.

    Parameters
    ----------
    account
        ``"sample"``, ``"live"`` for the account of ULTRAVOX_API_KEY, or the arguments of
        `read_calls` for a list of calls: ``{"data": "calls.csv", "id": "linkedid"}``.
    archive
        Folder of an archive to read instead of an account.
    port
        Port; 0 takes a free one.
    open_browser
        Whether to open the page.
    told
        Function that is called with the address of the page, which has the token.
    options
        As for `Explorer`, except `query`; CSV files are read once, at the start.

    Raises
    ------
    QueryError
        The port is in use, Voila is not installed, an option is invalid, there is no key for
        ``"live"``, or the archive is empty.
    UsageError
        The server did not start; the message has its last line.
    """
    with (
        _ended_by_sigterm(),
        suppress(KeyboardInterrupt),
        served(account, archive=archive, port=port, **options) as address,
    ):
        told(address)
        if open_browser:
            webbrowser.open(address)
        while True:
            time.sleep(3600)


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does, so that the server and its folder are removed."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may handle signals
        return

    def end(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one does not stop the tidying up
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def served(
    account: Owner = "sample",
    *,
    archive: str | os.PathLike[str] | None = None,
    port: int = 0,
    **options: Any,
) -> Iterator[str]:
    """Serve the dashboard inside the block, and yield its address.

    Parameters
    ----------
    account, archive, port, options
        As for `serve`.
    """
    if isinstance(account, Mapping):
        account = {**account, "data": str(Path(account["data"]).resolve())}
    elif account not in ("sample", "live"):
        raise QueryError(f'account: expected "sample" or "live", got {account!r}')
    # The page's kernel runs in another folder.
    folder = None if archive is None else str(Path(archive).resolve())
    with _client(account, folder) as client:
        plain = json.dumps(_check_page(client, **options))
    source = (
        "import json\n\nfrom usage_analysis.dashboard.app import page\n\n"
        f"page({account!r}, {folder!r}, **json.loads({plain!r}))"
    )
    with served_cells([source], port=port) as address:
        yield address


@contextmanager
def served_cells(sources: Sequence[str], *, port: int = 0) -> Iterator[str]:
    """Serve a page with the outputs of these cells inside the block, and yield its address.

    Raises
    ------
    QueryError
        The port is in use, or Voila is not installed.
    UsageError
        The server did not start.
    """
    port = _free(port)
    if find_spec("voila") is None:
        raise QueryError('The dashboard needs Voila: pip install "usage-analysis[app]"')
    token, proof = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    with tempfile.TemporaryDirectory(prefix="usage-analysis-app-") as folder:
        _write(Path(folder), sources, port, token, proof)
        with _running(Path(folder)) as (server, log):
            _await(server, port, proof, log)
            yield f"http://{LOOPBACK}:{port}/?token={token}"


def _free(port: int) -> int:
    """Return the port, or a free one for 0."""
    if not isinstance(port, int) or not 0 <= port <= 65_535:
        raise QueryError(f"port: expected a number from 0 to 65535, got {port!r}")
    try:
        with socket.create_server((LOOPBACK, port)) as free:
            return int(free.getsockname()[1])
    except OSError as error:
        raise QueryError(f"port: expected a free port, got {port} ({error.strerror})") from None


def _write(folder: Path, sources: Sequence[str], port: int, token: str, proof: str) -> None:
    """Write the page and Voila's settings to files, because anybody can read a command line."""
    import nbformat  # Voila brings it

    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    about = {"kernelspec": kernel, "title": "Call usage"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=about), folder / "app.ipynb")
    settings = {
        "Voila": {"ip": LOOPBACK, "port": port, "port_retries": 0, "token": token,
                  "open_browser": False, "tornado_settings": {"headers": {_PROOF: proof}}},
        "VoilaConfiguration": {"theme": "light"},
        "MappingKernelManager": {"cull_interval": 60, "cull_idle_timeout": _IDLE},
    }  # fmt: skip
    (folder / "voila.json").write_text(json.dumps(settings), encoding="utf-8")


@contextmanager
def _running(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    log = folder / "server.log"
    with log.open("wb") as words:
        server = subprocess.Popen(  # this interpreter, and a file of ours
            [sys.executable, "-m", "voila", "app.ipynb"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=subprocess.STDOUT,
        )
        try:
            yield server, log
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _await(server: subprocess.Popen[bytes], port: int, proof: str, log: Path) -> None:
    """Wait until our server answers, so that no other process on the port gets the token."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and server.poll() is None:
        if _proof_of(port) == proof:
            return
        time.sleep(0.1)
    last = " ".join(log.read_text(encoding="utf-8", errors="replace").split())[-300:]
    raise UsageError(f"app: expected Voila to listen on port {port}, got: {last or 'nothing'}")


def _proof_of(port: int) -> str | None:
    """Return the proof that the server on a port sends; the request has no token."""
    asked = http.client.HTTPConnection(LOOPBACK, port, timeout=1)
    try:
        asked.request("GET", "/login")
        return asked.getresponse().getheader(_PROOF)
    except (OSError, http.client.HTTPException):
        return None
    finally:
        asked.close()
