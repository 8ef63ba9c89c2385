"""Smoothing with look-ahead: the mixture of movement types of the stabilizer, with each type smoothed from both sides."""
