"""Fractional heatmap regression and a learned landmark stabilizer, in JAX."""
