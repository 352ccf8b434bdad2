"""Replays the records of a pod as pytest hook calls here."""
