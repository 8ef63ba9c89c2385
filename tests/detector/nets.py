"""A small detector with random parameters."""

from fhr_jax.detector import DetectorConfig

CONFIG = DetectorConfig(side=64, smallest=12.0, largest=48.0, features=(4, 6, 8), units=(1, 1, 1))
