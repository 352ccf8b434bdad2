"""Evidence for failed tests: the target's log lines and events."""
