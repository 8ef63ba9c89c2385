"""The kinds of landmark files, one module each, with the same interface: recognise, read, write (`base.Format`).

`data.io.landmark_files` holds the table of them and is what other code calls.
"""

from fhr_jax.lazy import submodules

__getattr__, __dir__ = submodules(__name__)
