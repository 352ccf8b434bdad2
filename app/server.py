"""The HTTP server of the API: uvicorn's processes, connections with limits, Flask in threads.

`python -m app.server --host 0.0.0.0 --port 5000` serves until SIGTERM.
"""

import argparse
import functools
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from wsgiref.types import WSGIApplication

from uvicorn import Config
from uvicorn.supervisors import Multiprocess

from app.bridge import Bridge
from app.connections import KEPT, Connection
from app.settings import Settings, SettingsError
from app.telemetry import configure_logging

GRACE = 10
"""Seconds that requests get to end when the server is told to stop."""

HUNG = 30
"""Seconds without a sign of life until a process is replaced; a busy machine stalls at times."""


def create_asgi(factory: str) -> Bridge:
    """The application that `factory`, written module:function, makes, behind its bridge."""
    module, _, name = factory.partition(":")
    create: Callable[[], WSGIApplication] = getattr(import_module(module), name)
    return Bridge(create(), Settings.from_environment().max_csv_bytes + 1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m app.server", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5000)
    parser.add_argument("--workers", type=int, default=2, help="processes (%(default)s)")
    parser.add_argument("--app", default="app.api:create_app", help="what makes the application")
    options = parser.parse_args(arguments)
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    configure_logging(settings.log_level)
    config = Config(
        functools.partial(create_asgi, options.app),
        factory=True,
        host=options.host,
        port=options.port,
        workers=options.workers,
        http=Connection,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=int(KEPT),
        timeout_graceful_shutdown=GRACE,
        timeout_worker_healthcheck=HUNG,
    )
    listener = config.bind_socket()
    Multiprocess(config, [listener]).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
