"""What `fhr-jax smooth` is made of: tracks of any length in pieces, and what is said about them."""
