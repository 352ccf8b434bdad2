"""Everything that can be tuned, in one place, so that an operator reads one file.

Each field is read from the environment variable of the same name in upper case.
"""

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
REDIS_SCHEMES = ("redis://", "rediss://", "unix://")


class SettingsError(ValueError):
    """An environment variable has a value that the service cannot use; the message names it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The service's settings. Times are in seconds, sizes in bytes."""

    redis_url: str = "redis://localhost:6379/0"
    """Where Redis listens. The default suits `make serve`."""

    redis_timeout: float = 2.0
    """Seconds to wait for Redis to connect or to answer; short, so that a 503 comes quickly."""

    log_level: str = "INFO"
    """Lowest level that is logged, one of LOG_LEVELS."""

    max_json_bytes: int = 64 * 1024
    """Largest body that is read, except for POST /data. A job needs 50 bytes."""

    max_csv_bytes: int = 5_000_000
    """Largest body of POST /data in bytes; 1,461 days need 48 kB, so this is four centuries."""

    max_data_sets: int = 50
    """Named data sets above which no new one is made; with the sample each needs 0.2 MB."""

    queue_name: str = "jobs"
    """Name of the queue; its Redis key is `hotqueue:<name>`."""

    queue_block: float = 1.0
    """Seconds an idle worker waits for a message before it looks up: the delay of a SIGTERM."""

    queue_lease: float = 4.0
    """Seconds after its last sign of life until a worker's message goes to another worker. It gives
    one each quarter of them, also during a job, so a killed worker's job goes on within 5 s."""

    queue_max_length: int = 50_000
    """Waiting jobs above which new ones are refused with 429; each needs about 0.6 kB of Redis."""

    queue_max_age: float = 3600.0
    """Seconds that the oldest job may have waited before new ones are refused with 429."""

    queue_max_deliveries: int = 3
    """How often a message is handed out before it counts as the cause of its workers' deaths."""

    heartbeat_file: Path = Path("/tmp/weather-worker.heartbeat")  # noqa: S108  a pod's own emptyDir
    """File that the worker's loop touches; the probe looks at its age."""

    heartbeat_max_age: float = 60.0
    """Seconds after which an untouched heartbeat file means a hung worker; a plot takes under 2."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            _check(field.name.upper(), getattr(self, field.name))

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Settings from environment variables; an empty variable counts as unset.

        Raises SettingsError, naming the variable, when a value cannot be used.
        """
        environ = os.environ if environ is None else environ
        given: dict[str, Any] = {
            field.name: _convert(field.name.upper(), environ[field.name.upper()], field.type)
            for field in dataclasses.fields(cls)
            if environ.get(field.name.upper())
        }
        return cls(**given)


def _convert(variable: str, text: str, kind: object) -> object:
    kinds = {int: "a whole number", float: "a number", str: "text", Path: "a path"}
    convert = next(candidate for candidate in kinds if candidate is kind)
    try:
        return convert(text)
    except ValueError:
        raise SettingsError(f"{variable}={text!r}: must be {kinds[convert]}") from None


def _check(variable: str, value: object) -> None:
    wanted = None
    if isinstance(value, int | float) and not 0 < value < float("inf"):
        wanted = "greater than 0 and finite"
    elif variable == "LOG_LEVEL" and value not in LOG_LEVELS:
        wanted = f"one of {', '.join(LOG_LEVELS)}"
    elif variable == "REDIS_URL" and not str(value).startswith(REDIS_SCHEMES):
        wanted = f"an address that starts with one of {', '.join(REDIS_SCHEMES)}"
    if wanted:
        raise SettingsError(f"{variable}={value!r}: must be {wanted}")
