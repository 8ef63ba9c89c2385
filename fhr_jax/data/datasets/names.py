"""Names of the datasets: those built from a download, and those of the TFDS catalogue."""

from pathlib import Path

BUILDERS = {
    "face300w": ("fhr_jax.data.datasets.face300w", "Face300w"),
    "face300vw": ("fhr_jax.data.datasets.face300vw", "Face300vw"),
    "talking_face": ("fhr_jax.data.datasets.talking_face", "TalkingFace"),
}
"""Module and class of each dataset that `fhr-jax data build` builds."""

CATALOGUE = ("the300w_lp", "aflw2k3d")
"""Datasets that TFDS downloads and prepares itself."""

PREPARE = "tfds.builder({name!r}, data_dir={root!r}, file_format='array_record').download_and_prepare()"
"""The Python call that makes TFDS prepare one; `the300w_lp` needs TensorFlow for it."""

BUILT = Path("datasets")
"""Default folder of the datasets that `fhr-jax data build` builds."""

NAMES = (*BUILDERS, *CATALOGUE)
