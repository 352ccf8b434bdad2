"""The verdict on a run, drawn from the records of its pods."""
