"""The whole method on synthetic faces, in minutes: what `fhr-jax demo` and the experiments run."""
