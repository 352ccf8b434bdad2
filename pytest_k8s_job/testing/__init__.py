"""A cluster without a cluster, for tests of plugins."""
