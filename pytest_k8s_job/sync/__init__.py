"""Local tests and what they need, brought into the pod."""
