"""Where the service is and how long to wait for it: the suite's whole configuration.

It comes from the environment, because the same suite runs from a checkout and in a pod.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Settings:
    """The suite's settings; each field names its environment variable.

    url: API_URL, the service's base address without a slash at its end.
    wait: API_WAIT, seconds to wait for the service before the first test; 0 is one try.
    timeout: API_TIMEOUT, seconds for one request; a healthy answer takes milliseconds.
    job_timeout: JOB_TIMEOUT, seconds for a job to finish; twenty of them share one worker.
    """

    url: str = "http://localhost:5000"
    wait: float = 0.0
    timeout: float = 10.0
    job_timeout: float = 60.0

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read the settings; ValueError names the variable that makes no sense."""
        return cls(
            url=_url(environ.get("API_URL") or cls.url),
            wait=_seconds(environ, "API_WAIT", cls.wait),
            timeout=_seconds(environ, "API_TIMEOUT", cls.timeout),
            job_timeout=_seconds(environ, "JOB_TIMEOUT", cls.job_timeout),
        )

    @property
    def address(self) -> tuple[str, int]:
        """The host and TCP port that the URL stands for."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def local(self) -> bool:
        """True if the service is to be on this machine."""
        return self.address[0] in {"localhost", "127.0.0.1", "::1"}


def _url(text: str) -> str:
    url = text.rstrip("/")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(f"API_URL={text!r} is not an address like http://localhost:5000")
    return url


def _seconds(environ: Mapping[str, str], name: str, default: float) -> float:
    text = environ.get(name, "")
    try:
        seconds = float(text) if text else default
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise ValueError(f"{name}={text!r} is not a number of seconds, zero or more")
    return seconds
