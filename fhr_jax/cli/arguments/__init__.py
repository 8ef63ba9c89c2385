"""The options of each command, apart from what it does, so that help and wrong options need neither NumPy nor JAX."""
