"""supervisord: its configuration, its start, and what it says about the processes."""

import http.client
import os
import socket
import subprocess
import sys
import xmlrpc.client
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from local_cluster.commands import wait_until
from local_cluster.components import Component
from local_cluster.errors import ClusterError
from local_cluster.settings import Paths

LOG_BYTES = "10MB"
LOG_BACKUPS = 2
ANSWER_SECONDS = 10.0  # supervisord answers within milliseconds
UNREACHABLE = (OSError, http.client.HTTPException)


def render(paths: Paths, components: list[Component], path_variable: str) -> str:
    """supervisord's configuration: nothing starts by itself, everything restarts after a crash.

    stopwaitsecs: the API server closes its connections first; then it is killed.
    """
    header = f"""\
[supervisord]
logfile={paths.logs}/supervisord.log
logfile_maxbytes={LOG_BYTES}
logfile_backups={LOG_BACKUPS}
pidfile={paths.run}/supervisord.pid
childlogdir={paths.logs}
directory={paths.state}
user=root

[unix_http_server]
file={paths.supervisor_socket}
chmod=0600

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
    programs = [
        f"""
[program:{component.name}]
command={" ".join(component.command)}
environment=PATH="{path_variable}"
autostart=false
autorestart=true
startsecs=1
startretries=30
stopwaitsecs=8
redirect_stderr=true
stdout_logfile={paths.logs}/{component.name}.log
stdout_logfile_maxbytes={LOG_BYTES}
stdout_logfile_backups={LOG_BACKUPS}
"""
        for component in components
    ]
    return header + "".join(programs)


class Supervisor:
    """The running supervisord, or its absence."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths

    def call(self, method: str, *args: Any) -> Any:
        """Call a method of supervisord's interface.

        Raises:
            ClusterError: it does not answer, or refuses.
        """
        # a transport that has met a dead socket stays unusable: each call has its own
        transport = SupervisorTransport(None, None, f"unix://{self._paths.supervisor_socket}")
        try:
            with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as proxy:
                return getattr(proxy.supervisor, method)(*args)
        except xmlrpc.client.Fault as fault:
            raise ClusterError(f"supervisor {method}: {fault.faultString}") from fault
        except UNREACHABLE as error:
            raise ClusterError(f"supervisor does not answer: {error}") from error

    def running(self) -> bool:
        """Whether it answers."""
        if not self._paths.supervisor_socket.exists():
            return False
        try:
            self.call("getState")
        except ClusterError:
            return False
        return True

    def launch(self) -> None:
        """Start it in the background and wait until it answers."""
        self._paths.supervisor_socket.unlink(missing_ok=True)
        log = self._paths.logs / "supervisord.log"
        command = [sys.executable, "-m", "supervisor.supervisord"]
        with log.open("a") as out:
            done = subprocess.run(
                [*command, "-c", self._paths.supervisor_conf],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd="/",
                env={"PATH": os.defpath, "HOME": "/root", "LANG": "C.UTF-8"},
                check=False,
            )
        if done.returncode:
            raise ClusterError(f"supervisord did not start; log: {log}")
        wait_until(self._missing, ANSWER_SECONDS, "supervisord's answer")

    def states(self) -> dict[str, str]:
        """Name -> RUNNING, STARTING, BACKOFF, STOPPED, FATAL, EXITED, in the order of starting."""
        return {p["name"]: p["statename"] for p in self.processes()}

    def processes(self) -> list[dict[str, Any]]:
        """supervisord's information on each process."""
        found: list[dict[str, Any]] = self.call("getAllProcessInfo")
        return found

    def stop_all(self) -> None:
        """Stop all processes, wait for their end, then end supervisord itself."""
        self.call("stopAllProcesses", True)
        self.call("shutdown")
        wait_until(self._lingering, ANSWER_SECONDS, "supervisord's end")

    def pid(self) -> int:
        """Process id of supervisord."""
        return int(self.call("getPID"))

    def _missing(self) -> str:
        return "" if self.running() else f"no answer at {self._paths.supervisor_socket}"

    def _lingering(self) -> str:
        return f"{self._paths.supervisor_socket} answers" if self.running() else ""


def can_connect(path: Path) -> bool:
    """Whether something listens on a Unix socket."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2)
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True
