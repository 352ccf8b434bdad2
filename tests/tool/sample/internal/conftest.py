"""A plugin that is broken."""


def pytest_runtest_logstart(nodeid: str) -> None:
    """Fail inside pytest."""
    if "bad" in nodeid:
        raise RuntimeError("plugin went wrong")
