"""What `fhr-jax track` is made of: what it is told, how faces are followed, and what it writes and shows."""
