"""The Kubernetes API: client, pods, Jobs, manifests."""
