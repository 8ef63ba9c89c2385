"""Synthetic tracks, the noise of a detector, and rendered clips."""
