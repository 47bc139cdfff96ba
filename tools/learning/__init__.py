"""Training: what is learned from, how, and what goes on around it."""
