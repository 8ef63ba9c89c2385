"""Synthetic landmark tracks and clips: `tracks`, the noise of a detector (`detector_noise`), and `render_clip`."""
