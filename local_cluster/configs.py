"""Configuration files of the components, as text: nothing here touches the machine."""

import ipaddress
import json
from string import Template

from local_cluster import settings as s
from local_cluster.settings import Paths

PAUSE_IMAGE = "localhost/weather-local/pause:1"
COREDNS_IMAGE = "localhost/weather-local/coredns:1"


def kubeadm(paths: Paths) -> str:
    """For `kubeadm init phase`: only certificates and kubeconfigs are made with it."""
    return f"""\
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {{advertiseAddress: {s.NODE_IP}, bindPort: {s.API_PORT}}}
nodeRegistration: {{name: {s.NODE}, criSocket: "unix://{paths.containerd_socket}"}}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
clusterName: {s.CONTEXT}
kubernetesVersion: {s.KUBERNETES_VERSION}
certificatesDir: {json.dumps(str(paths.pki))}
networking: {{serviceSubnet: {s.SERVICE_CIDR}, podSubnet: {s.POD_CIDR}}}
apiServer: {{certSANs: ["127.0.0.1"]}}
"""


def kubeconfig(admin: str) -> str:
    """kubeadm's administrator kubeconfig with the context under its own name."""
    user = "kubernetes-super-admin"
    return admin.replace(f"{user}@{s.CONTEXT}", s.CONTEXT).replace(user, s.CONTEXT)


def containerd(paths: Paths) -> str:
    """All of containerd's files below the cluster's own directories.

    restrict_oom_score_adj: without CAP_SYS_RESOURCE a score cannot be lowered.
    """
    return f"""\
version = 3
root = "{paths.state}/containerd"
state = "{paths.run}/containerd"
disabled_plugins = [
  "io.containerd.image-verifier.v1.bindir",
  "io.containerd.internal.v1.tracing",
  "io.containerd.nri.v1.nri",
  "io.containerd.snapshotter.v1.blockfile",
  "io.containerd.snapshotter.v1.erofs",
  "io.containerd.tracing.processor.v1.otlp",
]
[grpc]
  address = "{paths.containerd_socket}"
[ttrpc]
  address = "{paths.containerd_socket}.ttrpc"
[plugins.'io.containerd.shim.v1.manager']
  socket_dir = "{paths.run}/s"
[plugins.'io.containerd.internal.v1.opt']
  path = "{paths.state}/opt"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "{PAUSE_IMAGE}"
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  BinaryName = "runc"
  Root = "{paths.run}/runc"
  SystemdCgroup = false
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ["/usr/lib/cni"]
  conf_dir = "{paths.conf}/cni"
  use_internal_loopback = true
"""


def cni(paths: Paths) -> str:
    """Pods hang on veth pairs and every packet is routed, so that Services work between them
    without bridge netfilter, which a kernel may lack."""
    ipam = {
        "type": "host-local",
        "dataDir": str(paths.run / "ipam"),
        "ranges": [[{"subnet": s.POD_RANGE}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    plugin = {"type": "ptp", "ipMasq": False, "ipam": ipam}
    return json.dumps({"cniVersion": "1.0.0", "name": s.CONTEXT, "plugins": [plugin]}, indent=1)


def kubelet(paths: Paths, cgroup_v1: bool, resolv_conf: str) -> str:
    """Images are never collected: there is no registry to pull them from again."""
    config = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": s.NODE_IP,
        "port": s.KUBELET_PORT,
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": s.KUBELET_HEALTH_PORT,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{paths.pki}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{s.CGROUP}",
        "failCgroupV1": False if cgroup_v1 else None,
        "containerRuntimeEndpoint": f"unix://{paths.containerd_socket}",
        "clusterDNS": [s.DNS_IP],
        "clusterDomain": "cluster.local",
        "resolvConf": resolv_conf,
        "failSwapOn": False,
        "makeIPTablesUtilChains": False,
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {
            "nodefs.available": "1%",
            "imagefs.available": "1%",
            "memory.available": "100Mi",
        },
        "podLogsDir": f"{paths.state}/pod-logs",
        "volumePluginDir": f"{paths.state}/kubelet/plugins-exec",
    }
    return json.dumps({k: v for k, v in config.items() if v is not None}, indent=1)


def kube_proxy(paths: Paths) -> str:
    """NodePorts answer on the cluster's own address only; the machine's conntrack is left alone."""
    config = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clusterCIDR": s.POD_CIDR,
        "hostnameOverride": s.NODE,
        "clientConnection": {"kubeconfig": f"{paths.conf}/kube-proxy.conf"},
        "bindAddress": s.NODE_IP,
        "healthzBindAddress": f"127.0.0.1:{s.PROXY_HEALTH_PORT}",
        "metricsBindAddress": f"127.0.0.1:{s.PROXY_METRICS_PORT}",
        "nodePortAddresses": [f"{s.NODE_IP}/32"],
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
    }
    return json.dumps(config, indent=1)


def nft_rules() -> str:
    """Keeps other machines out of the cluster's subnets, and lets pods out behind our address.

    The first two lines make it replace what is there.
    """
    return f"""\
table inet {s.NFT_TABLE}
delete table inet {s.NFT_TABLE}
table inet {s.NFT_TABLE} {{
  chain input {{
    type filter hook input priority filter - 5
    iifname "lo" accept
    iifname "veth*" accept
    ip daddr {{ {s.POD_CIDR}, {s.SERVICE_CIDR} }} drop
  }}
  chain forward {{
    type filter hook forward priority filter - 5
    iifname "veth*" accept
    ip daddr {{ {s.POD_CIDR}, {s.SERVICE_CIDR} }} ct state new drop
  }}
  chain postrouting {{
    type nat hook postrouting priority srcnat + 5
    ip saddr {s.POD_CIDR} ip daddr != {{ {s.POD_CIDR}, {s.SERVICE_CIDR} }} masquerade
  }}
}}
"""


def addons(resolv_conf: str) -> str:
    """CoreDNS, the StorageClass and roles; `resolv_conf` is the text of the machine's file."""
    servers = upstreams(resolv_conf)
    template = Template((s.PACKAGE / "manifests/addons.yaml").read_text())
    return template.safe_substitute(
        PROVISIONER=s.PROVISIONER,
        DNS_IP=s.DNS_IP,
        COREDNS_IMAGE=COREDNS_IMAGE,
        FORWARD=f"forward . {' '.join(servers)}" if servers else "# no name server outside",
    )


def upstreams(resolv_conf: str) -> list[str]:
    """Name servers that a pod can reach: in a pod, a loopback address would be CoreDNS itself."""
    words = [line.split() for line in resolv_conf.splitlines()]
    named = [w[1] for w in words if len(w) > 1 and w[0] == "nameserver"]
    return [name for name in named if _reachable(name.partition("%")[0])]


def _reachable(address: str) -> bool:
    try:
        return not ipaddress.ip_address(address).is_loopback
    except ValueError:  # not an address
        return False
