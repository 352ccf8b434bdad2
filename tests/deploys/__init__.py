"""Deploys in a row, each with the verdict that it must get."""
