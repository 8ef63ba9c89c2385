"""Reading and writing single files.

`images` and `video` (with `video_frames` for random access, `video_writer` and `sound`), `frame_sources` for frames
from anywhere, landmarks as `pts` or as CSV (`landmark_table`, `table_layouts`; `openface` writes row by row), whole
tracks with `landmark_files`, whose kinds of files are in `formats`; `file_tree` lists a folder and matches images with
landmarks.
"""

from fhr_jax.lazy import submodules

__getattr__, __dir__ = submodules(__name__)
