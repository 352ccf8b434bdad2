"""What a run tests, and whether it stays the same."""
