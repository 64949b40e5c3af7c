"""Training through skorch: the step, what happens around it, and what is kept of it."""
