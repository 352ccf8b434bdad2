"""Configuration of the components, as text."""

import json
import re

import pytest
import yaml

from local_cluster import configs, settings
from local_cluster.components import components
from local_cluster.settings import Paths
from local_cluster.supervision import render

ALLOWED = ("127.0.0.1", settings.NODE_IP)


def test_kubelet_tolerates_cgroup_v1_only_where_it_is(own_paths: Paths) -> None:
    """On cgroup v2 the kubelet keeps its own default."""
    assert json.loads(configs.kubelet(own_paths, True, "/r"))["failCgroupV1"] is False
    assert "failCgroupV1" not in json.loads(configs.kubelet(own_paths, False, "/r"))


def test_kubelet_never_collects_images(own_paths: Paths) -> None:
    """An image that was collected could not be pulled again: there is no registry."""
    config = json.loads(configs.kubelet(own_paths, True, "/etc/resolv.conf"))
    assert config["imageGCHighThresholdPercent"] == 100


def test_every_address_is_loopback_or_the_clusters_own(own_paths: Paths) -> None:
    """No command line and no configuration file names any other address to listen on."""
    texts = [" ".join(c.command) for c in components(own_paths, own_paths.cache / "bin")]
    texts += [configs.kube_proxy(own_paths), configs.kubelet(own_paths, True, "/r")]
    addresses = re.findall(r"\b\d+\.\d+\.\d+\.\d+\b(?!/)", " ".join(texts))
    assert set(addresses) == {*ALLOWED, settings.DNS_IP}


def test_state_and_run_hold_all_files_of_containerd(own_paths: Paths) -> None:
    """containerd writes nowhere but below the cluster's own directories."""
    written = re.findall(r'^\s*(?:root|state|address|path|Root|socket_dir|conf_dir) = "(.*)"',
                         configs.containerd(own_paths), re.MULTILINE)  # fmt: skip
    roots = (str(own_paths.state), str(own_paths.run))
    assert len(written) == 8
    assert all(path.startswith(roots) for path in written)


def test_sockets_are_short_enough() -> None:
    """The path of a Unix socket has at most 107 characters, a shim's directory at most 38."""
    paths = Paths.of_user()
    assert len(str(paths.containerd_socket)) < 60
    assert len(f"{paths.run}/s") <= 38


def test_kubeconfig_has_the_context_under_its_own_name() -> None:
    """kubeadm's long names go, the server stays."""
    admin = """\
server: https://10.213.255.1:16443
name: kubernetes-super-admin@weather-local
current-context: kubernetes-super-admin@weather-local
user: kubernetes-super-admin
"""
    text = configs.kubeconfig(admin)
    assert "current-context: weather-local\n" in text
    assert "kubernetes-super-admin" not in text
    assert "server: https://10.213.255.1:16443" in text


@pytest.mark.parametrize(
    ("resolv_conf", "servers"),
    [
        ("nameserver 192.0.2.1\nnameserver 192.0.2.2\n", ["192.0.2.1", "192.0.2.2"]),
        ("nameserver 127.0.0.53\n", []),
        ("nameserver ::1\nnameserver fe80::1%eth0\n", ["fe80::1%eth0"]),
        ("# nameserver 192.0.2.1\nsearch example.org\nnameserver\n", []),
        ("nameserver not-an-address\nnameserver 192.0.2.1\n", ["192.0.2.1"]),
    ],
)
def test_upstreams_leave_out_what_a_pod_cannot_reach(resolv_conf: str, servers: list[str]) -> None:
    """A loopback name server would be CoreDNS itself, and a loop."""
    assert configs.upstreams(resolv_conf) == servers


def test_addons_are_complete_yaml() -> None:
    """Every name in the template is filled in, and the default StorageClass is there."""
    text = configs.addons("nameserver 192.0.2.1")
    kinds = {(o["kind"], o["metadata"]["name"]): o for o in yaml.safe_load_all(text)}
    assert "$" not in text.replace("after $.", "")
    assert "forward . 192.0.2.1" in kinds["ConfigMap", "coredns"]["data"]["Corefile"]
    annotations = kinds["StorageClass", "standard"]["metadata"]["annotations"]
    assert annotations["storageclass.kubernetes.io/is-default-class"] == "true"
    assert kinds["Service", "kube-dns"]["spec"]["clusterIP"] == settings.DNS_IP


def test_addons_without_name_servers_forward_nothing() -> None:
    """A machine whose name server is on loopback still gets DNS inside the cluster."""
    assert "forward ." not in configs.addons("nameserver 127.0.0.1")


def test_supervisor_restarts_every_component_and_rotates_its_log(own_paths: Paths) -> None:
    """Each process has autorestart and a bounded log."""
    parts = components(own_paths, own_paths.cache / "bin")
    text = render(own_paths, parts, "/bin")
    assert text.count("[program:") == len(parts) == 8
    assert text.count("autorestart=true") == len(parts)
    assert text.count("stdout_logfile_maxbytes=10MB") == len(parts)


def test_packet_rules_replace_those_that_are_there() -> None:
    """The first two lines make the rules loadable twice: once to exist, once to be deleted."""
    lines = configs.nft_rules().splitlines()
    assert lines[0] == f"table inet {settings.NFT_TABLE}"
    assert lines[1] == f"delete table inet {settings.NFT_TABLE}"
