"""One run in the cluster: its Job, its pods, its end."""
