"""Smoothing with look-ahead: each movement type of the stabilizer is smoothed from both sides, and they are mixed."""
