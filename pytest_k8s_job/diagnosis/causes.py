"""The causes that can be named, in the order of ranking.

A cause that explains others comes before them.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["MEANINGS", "Cause"]


class Cause(StrEnum):
    """The code of a root cause; `MEANINGS` explains each in a line."""

    # the way to the cluster
    API_UNREACHABLE = "api-unreachable"
    WRONG_CLUSTER = "wrong-cluster"
    CREDENTIALS = "credentials"
    NO_RIGHTS = "no-rights"
    NAMESPACE_MISSING = "namespace-missing"
    NAMESPACE_TERMINATING = "namespace-terminating"
    # the cluster
    NODE_LOST = "node-lost"
    NODE_PRESSURE = "node-pressure"
    DNS_DOWN = "dns-down"
    # pods that are not created
    POD_SECURITY = "pod-security"
    QUOTA = "quota"
    LIMIT_RANGE = "limit-range"
    WEBHOOK_UNREACHABLE = "webhook-unreachable"
    ADMISSION_DENIED = "admission-denied"
    SERVICE_ACCOUNT_MISSING = "service-account-missing"
    PRIORITY_CLASS_MISSING = "priority-class-missing"
    INVALID_MANIFEST = "invalid-manifest"
    JOB_SUSPENDED = "job-suspended"
    POD_REFUSED = "pod-refused"
    # volumes
    STORAGE_CLASS_MISSING = "storage-class-missing"
    NO_STORAGE_CLASS = "no-storage-class"
    CLAIM_MISSING = "claim-missing"
    PROVISIONING = "provisioning"
    CLAIM_PENDING = "claim-pending"
    # pods without a node
    INSUFFICIENT_RESOURCES = "insufficient-resources"
    TAINTED = "tainted"
    CORDONED = "cordoned"
    SELECTOR_NO_NODE = "selector-no-node"
    NO_SCHEDULER = "no-scheduler"
    SCHEDULING_GATED = "scheduling-gated"
    UNSCHEDULABLE = "unschedulable"
    # images
    IMAGE_NAME_INVALID = "image-name-invalid"
    IMAGE_NEVER_PULLED = "image-never-pulled"
    IMAGE_NOT_FOUND = "image-not-found"
    IMAGE_ACCESS = "image-access"
    IMAGE_PLATFORM = "image-platform"
    REGISTRY_UNREACHABLE = "registry-unreachable"
    IMAGE_PULL = "image-pull"
    # containers that do not start
    CONFIG_MAP_MISSING = "config-map-missing"
    SECRET_MISSING = "secret-missing"  # noqa: S105 (a code)
    KEY_MISSING = "key-missing"
    RUNS_AS_ROOT = "runs-as-root"
    CONTAINER_CONFIG = "container-config"
    VOLUME_MOUNT = "volume-mount"
    SANDBOX = "sandbox"
    EXEC_FORMAT = "exec-format"
    COMMAND_NOT_FOUND = "command-not-found"
    NOT_EXECUTABLE = "not-executable"
    CONTAINER_START = "container-start"
    # containers that end
    EVICTED = "evicted"
    PREEMPTED = "preempted"
    DISRUPTED = "disrupted"
    OOM_KILLED = "oom-killed"
    READ_ONLY_ROOT = "read-only-root"
    DISK_FULL = "disk-full"
    LIVENESS = "liveness"
    STARTUP_PROBE = "startup-probe"
    SIGKILL = "sigkill"
    INIT_FAILED = "init-failed"
    DEADLINE = "deadline"
    POD_DELETED = "pod-deleted"
    CRASH_LOOP = "crash-loop"
    CONTAINER_FAILED = "container-failed"
    # the way to the target
    SERVICE_MISSING = "service-missing"
    WRONG_NAMESPACE = "wrong-namespace"
    PORT_NAME = "port-name"
    PORT_NUMBER = "port-number"
    SELECTOR_NO_POD = "selector-no-pod"
    NETWORK_POLICY = "network-policy"
    NAME_UNRESOLVED = "name-unresolved"
    CONNECTION_REFUSED = "connection-refused"
    CONNECTION_RESET = "connection-reset"
    CONNECTION_TIMEOUT = "connection-timeout"
    TLS = "tls"
    SERVER_ERROR = "server-error"
    WRONG_STATUS = "wrong-status"
    # what mostly is an effect of one of the above
    SCALED_TO_ZERO = "scaled-to-zero"
    NOT_READY = "not-ready"
    NO_ENDPOINTS = "no-endpoints"
    NOTHING_DEPLOYED = "nothing-deployed"
    TWO_VERSIONS = "two-versions"
    ROLLOUT_PAUSED = "rollout-paused"
    ROLLOUT_UNFINISHED = "rollout-unfinished"
    CLOCK_SKEW = "clock-skew"
    UNKNOWN = "unknown"


MEANINGS = {
    Cause.API_UNREACHABLE: "No API server answers at the kubeconfig's address.",
    Cause.WRONG_CLUSTER: "The server's certificate is not of the authority in the kubeconfig.",
    Cause.CREDENTIALS: "The API server does not know the credentials: expired, or another's.",
    Cause.NO_RIGHTS: "The user may not do what is needed; the verb and the resource are named.",
    Cause.NAMESPACE_MISSING: "The namespace does not exist.",
    Cause.NAMESPACE_TERMINATING: "The namespace is being deleted and takes nothing new.",
    Cause.NODE_LOST: "A node with pods of the namespace reports nothing, or is not ready.",
    Cause.NODE_PRESSURE: "A node is short of disk, memory or process ids.",
    Cause.DNS_DOWN: "The cluster's DNS Service has no pod that answers.",
    Cause.POD_SECURITY: "Pod Security refuses the pod; the violated fields are named.",
    Cause.QUOTA: "A ResourceQuota is used up, or demands what the pod does not state.",
    Cause.LIMIT_RANGE: "A LimitRange refuses the container's requests or limits.",
    Cause.WEBHOOK_UNREACHABLE: "An admission webhook that must be asked does not answer.",
    Cause.ADMISSION_DENIED: "An admission webhook or policy has refused the object.",
    Cause.SERVICE_ACCOUNT_MISSING: "The pod's service account does not exist.",
    Cause.PRIORITY_CLASS_MISSING: "The pod's priority class does not exist.",
    Cause.INVALID_MANIFEST: "The API server calls the object invalid; the field is named.",
    Cause.JOB_SUSPENDED: "The Job is suspended, so it has no pod.",
    Cause.POD_REFUSED: "The pod is refused for another reason, given in Kubernetes' words.",
    Cause.STORAGE_CLASS_MISSING: "A claim names a StorageClass that does not exist.",
    Cause.NO_STORAGE_CLASS: "A claim names no StorageClass, and none is the default.",
    Cause.CLAIM_MISSING: "A pod mounts a PersistentVolumeClaim that does not exist.",
    Cause.PROVISIONING: "The provisioner could not make the volume; its words are given.",
    Cause.CLAIM_PENDING: "A claim is not bound, and nothing says why.",
    Cause.INSUFFICIENT_RESOURCES: "No node has the CPU, memory or other resource left.",
    Cause.TAINTED: "The nodes have a taint that the pod does not tolerate.",
    Cause.CORDONED: "The nodes are cordoned.",
    Cause.SELECTOR_NO_NODE: "No node has the labels that the pod asks for.",
    Cause.NO_SCHEDULER: "No scheduler has looked at the pod.",
    Cause.SCHEDULING_GATED: "A scheduling gate of the pod is closed.",
    Cause.UNSCHEDULABLE: "No node takes the pod, for more than one reason or a rare one.",
    Cause.IMAGE_NAME_INVALID: "The name of the image cannot be one.",
    Cause.IMAGE_NEVER_PULLED: "The image is not on the node, and the policy forbids to pull it.",
    Cause.IMAGE_NOT_FOUND: "The registry has no such image or tag.",
    Cause.IMAGE_ACCESS: "The registry refuses the pull: no credentials, or wrong ones.",
    Cause.IMAGE_PLATFORM: "The image was not built for the node's processor.",
    Cause.REGISTRY_UNREACHABLE: "The node cannot reach the registry.",
    Cause.IMAGE_PULL: "The pull fails for another reason, given in the runtime's words.",
    Cause.CONFIG_MAP_MISSING: "A ConfigMap that the pod needs does not exist.",
    Cause.SECRET_MISSING: "A Secret that the pod needs does not exist.",
    Cause.KEY_MISSING: "A ConfigMap or Secret lacks the key that the pod needs.",
    Cause.RUNS_AS_ROOT: "The container must not run as root, and its image does.",
    Cause.CONTAINER_CONFIG: "The kubelet cannot make the container of its settings.",
    Cause.VOLUME_MOUNT: "A volume cannot be mounted.",
    Cause.SANDBOX: "The runtime cannot make the pod's sandbox or network.",
    Cause.EXEC_FORMAT: "The program was built for another processor, or is no program.",
    Cause.COMMAND_NOT_FOUND: "The image has no program of the command's name.",
    Cause.NOT_EXECUTABLE: "The command's file may not be executed.",
    Cause.CONTAINER_START: "The runtime cannot start the container for another reason.",
    Cause.EVICTED: "The kubelet has evicted the pod; the resource is named.",
    Cause.PREEMPTED: "The pod had to make room for one of a higher priority.",
    Cause.DISRUPTED: "The pod was evicted through the API: a drain or an autoscaler.",
    Cause.OOM_KILLED: "A container was killed at its memory limit.",
    Cause.READ_ONLY_ROOT: "A container ends because it cannot write to its root file system.",
    Cause.DISK_FULL: "A container ends because no space is left.",
    Cause.LIVENESS: "The kubelet kills a container because its liveness probe fails.",
    Cause.STARTUP_PROBE: "The kubelet kills a container because its startup probe fails.",
    Cause.SIGKILL: "A container was killed by SIGKILL, and not for its memory.",
    Cause.INIT_FAILED: "An init container fails, so the others never start.",
    Cause.DEADLINE: "The Job ran into its activeDeadlineSeconds.",
    Cause.POD_DELETED: "The Job's pod was deleted; who deleted it is no longer known.",
    Cause.CRASH_LOOP: "A container ends again and again; exit code and last line are given.",
    Cause.CONTAINER_FAILED: "A container of a Job ended with an error.",
    Cause.SERVICE_MISSING: "There is no Service of the name that is called.",
    Cause.WRONG_NAMESPACE: "The Service that is called is in another namespace.",
    Cause.PORT_NAME: "A Service's target port has a name that no container has.",
    Cause.PORT_NUMBER: "Nothing listens on a Service's target port.",
    Cause.SELECTOR_NO_POD: "A Service's selector matches no pod.",
    Cause.NETWORK_POLICY: "The way to the target is closed by NetworkPolicies, as they read.",
    Cause.NAME_UNRESOLVED: "A name is not resolved though its Service exists.",
    Cause.CONNECTION_REFUSED: "The target refuses connections.",
    Cause.CONNECTION_RESET: "The target closes connections before it answers.",
    Cause.CONNECTION_TIMEOUT: "The target does not answer in time.",
    Cause.TLS: "The TLS handshake with the target fails.",
    Cause.SERVER_ERROR: "The target answers with a 5xx status.",
    Cause.WRONG_STATUS: "The target's readiness answers with another status than 2xx.",
    Cause.SCALED_TO_ZERO: "A workload is scaled to 0.",
    Cause.NOT_READY: "A container's readiness probe fails; its last answer is given.",
    Cause.NO_ENDPOINTS: "A Service has no ready endpoint.",
    Cause.NOTHING_DEPLOYED: "The namespace holds no workload.",
    Cause.TWO_VERSIONS: "Pods of two versions stand behind one Service.",
    Cause.ROLLOUT_PAUSED: "A Deployment's rollout is paused.",
    Cause.ROLLOUT_UNFINISHED: "A workload does not run its newest version in full.",
    Cause.CLOCK_SKEW: "This machine's clock and the API server's differ.",
    Cause.UNKNOWN: "Something is wrong, and nothing says why: what is odd is given.",
}
