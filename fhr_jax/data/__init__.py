"""Data: reading and writing files, datasets, synthetic faces and tracks, and the pipeline that feeds training.

* `records` says what an annotated face is; `open_dataset` opens a dataset or a folder as records.
* `io` reads and writes single files: images, videos, landmarks.
* `sources` are a user's folder, and views of other sources: boxes, clips, subsets.
* `datasets` opens datasets and builds 300W, 300-VW and Talking Face from their downloads.
* `synthetic` makes landmark tracks and clips; `faces` is the generator of synthetic faces.
* `crops`, `loader`, `prefetch` and `examples` turn records into batches of training examples.
* `skipped` lists the files that could not be used.
"""

from fhr_jax.lazy import submodules

__getattr__, __dir__ = submodules(__name__)
