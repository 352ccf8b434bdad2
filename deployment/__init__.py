"""What `make k8s-test` and `make deploy` do: choose a cluster, deploy to it, test it."""
