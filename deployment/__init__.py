"""What `make k8s-test`, `make deploy` and their kin do: choose a cluster, deploy to it, test what is there."""
