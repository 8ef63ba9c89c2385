"""What `fhr-jax train` does beside calling a run: the cost of an update, the net that a run starts from."""
