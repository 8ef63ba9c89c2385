"""Synthetic landmark tracks and clips.

`tracks` resembles published predictions, with the noise of one detector (`detector_noise`). `randomized` varies more,
to train a stabilizer for any detector, camera and markup (`quick_motion`, `random_noise`). `render_clip` paints clips.
"""

from fhr_jax.lazy import submodules

__getattr__, __dir__ = submodules(__name__)
