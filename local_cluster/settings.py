"""Every name, address and port of the local cluster, and where it keeps its files.

The ports and subnets differ from the usual ones, so that the cluster stands beside kind, minikube
or a kubelet of the machine's own.
"""

import os
from dataclasses import dataclass
from pathlib import Path

CONTEXT = "weather-local"  # of the kubeconfig
NODE = "weather-local"
KUBERNETES_VERSION = "v1.36.3"

BRIDGE = "weather0"  # carries NODE_IP; pods hang on their own veth pairs
POD_CIDR = "10.213.0.0/16"
POD_RANGE = "10.213.0.0/24"  # the one node's share: 253 pods
NODE_IP = "10.213.255.1"  # the only address besides loopback that anything listens on
SERVICE_CIDR = "10.214.0.0/16"
DNS_IP = "10.214.0.10"
NFT_TABLE = "weather-local"

API_PORT = 16443  # on NODE_IP, as is the kubelet's
KUBELET_PORT = 11250
ETCD_PORT = 12379  # on loopback, as are all below
ETCD_PEER_PORT = 12380
KUBELET_HEALTH_PORT = 11248
PROXY_METRICS_PORT = 11249
PROXY_HEALTH_PORT = 11256
CONTROLLER_PORT = 11257
SCHEDULER_PORT = 11259

CGROUP = "weather-local"  # parent of the cgroups of all pods
PROVISIONER = "weather-local/directories"  # name in the StorageClass
SPACE_NEEDED_GB = 5  # binaries 1.2 GB, Go's build cache 3 GB, images 1 GB

DIRECTORY = "weather-local-cluster"
PACKAGE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Paths:
    """Where the cluster's files lie.

    Attributes:
        state: everything that `down` removes.
        cache: what survives `down`: binaries, images, the lock.
        run: sockets, and what must not survive a reboot. Not under `state`, as the path of a
            socket may have no more than 107 characters.
    """

    state: Path
    cache: Path
    run: Path = Path("/run") / DIRECTORY

    @classmethod
    def of_user(cls) -> "Paths":
        """The paths that the XDG variables and the home directory give."""
        home = Path.home()
        state = os.environ.get("XDG_STATE_HOME") or home / ".local/state"
        cache = os.environ.get("XDG_CACHE_HOME") or home / ".cache"
        return cls(Path(state).resolve() / DIRECTORY, Path(cache).resolve() / DIRECTORY)

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.state / "kubeconfig"

    @property
    def logs(self) -> Path:
        """Logs of the components."""
        return self.state / "log"

    @property
    def pki(self) -> Path:
        """Certificates and keys."""
        return self.state / "pki"

    @property
    def conf(self) -> Path:
        """Configuration files and the components' kubeconfigs."""
        return self.state / "conf"

    @property
    def supervisor_conf(self) -> Path:
        """Configuration of supervisord; in its command line, so it marks our supervisord."""
        return self.conf / "supervisord.conf"

    @property
    def supervisor_socket(self) -> Path:
        """Where supervisord answers."""
        return self.run / "supervisor.sock"

    @property
    def containerd_socket(self) -> Path:
        """Where containerd answers."""
        return self.run / "containerd.sock"
