"""What runs in the pod; imports `wire`, pytest and the standard library only."""
