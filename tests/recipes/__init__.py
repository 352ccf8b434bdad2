"""Recipes: the tool behind other people's deployment systems, run for real."""
