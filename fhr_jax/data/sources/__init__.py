"""Sources of records, and views of other sources.

`user_folder` reads a folder of the user; `boxes` replaces the boxes; `clips` makes clips of single frames and
`single_frames` single frames of clips; `talking_face_subset` selects the seven comparable landmarks; `holdout` splits
records for training and validation.
"""

from fhr_jax.lazy import submodules

__getattr__, __dir__ = submodules(__name__)
