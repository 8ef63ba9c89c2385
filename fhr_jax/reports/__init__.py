"""What was measured, in words, as tables, as figures and as pages.

* `calibration` of a net, and errors by `regions`.
* `track_report` and `accuracy_report`: a page of a track and of an evaluation, in one file (`page`, `assets`), with the
  numbers of `track_data`, the words of `verdict`, the pictures of `worst_frames` and the arrays of `samples`.
* `recordings`: what such a page shows, from files.
"""

from fhr_jax.lazy import submodules

__getattr__, __dir__ = submodules(__name__)
