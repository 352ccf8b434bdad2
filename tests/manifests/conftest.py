"""What the tests of the manifests share: the manifests, and a cluster to hold them against."""

import pytest
from documents import Documents, read


@pytest.fixture(scope="session")
def documents() -> Documents:
    """Every document in kubernetes/, by `Kind/name`."""
    return read()
