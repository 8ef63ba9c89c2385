"""What `fhr-jax fit` is made of: reading tracks, making videos of them, the careful fit, its files."""
