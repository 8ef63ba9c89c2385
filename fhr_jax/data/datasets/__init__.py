"""Datasets of faces with landmarks: built from the user's download, or from the catalogue of TFDS.

`names` lists them; `open` opens one by name or folder; `read` reads what was built back as records, `catalogue` does so
for TFDS's own datasets; `face300w`, `face300vw` and `talking_face` describe the three that `build` builds. TFDS is
imported only where a dataset is built or opened, and TensorFlow never.
"""

from fhr_jax.lazy import submodules

__getattr__, __dir__ = submodules(__name__)
