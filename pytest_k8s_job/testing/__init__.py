"""A double of the cluster, for tests of plugins."""
