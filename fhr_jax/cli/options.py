"""Options that several commands share: one name, one meaning and one help text each.

An option whose default is None takes `optional`, because its help text says in words what happens without it.
"""

from typing import Any

from tyro.conf import arg


def optional(metavar: str, *, text: str | None = None) -> Any:
    """Show METAVAR for an option whose default is None, and no "(default: None)" behind its help text.

    Args:
        metavar: stands for the value in the help.
        text: the help text; default: the docstring of the option.
    """
    return arg(metavar=metavar, help=text, help_behavior_hint="")


OUT = arg(metavar="DIR", help="Folder for the results; made if it does not exist.")
DATA = optional(
    "DATA",
    text="A folder of photographs or videos with .pts files, the folder of a built dataset, or the name of a dataset.",
)
DIRECTORY = optional(
    "DIR",
    text="With the name of a dataset: the folder of built datasets, the --out of `fhr-jax data build`; default: "
    "./datasets, then the data folder of TFDS.",
)
SPLIT = optional("SPLIT", text="Split of the dataset; needed where it has several.")
BOXES = arg(
    metavar="truth|jitter|FILE",
    help="Face boxes to crop by: truth, the bounding boxes of the true landmarks; jitter, the same moved at random; or "
    "a file with the boxes of a face detector (format: docs/training.md).",
)
WORKERS = arg(help="Number of processes that read; 0 reads in this process.")
NET = optional(
    "FILE",
    text="A net.npz of `fhr-jax train` or `fhr-jax import`, or a folder of `fhr-jax export`; default: the net in the "
    "package.",
)
DECODER = arg(help="How landmarks are decoded from heatmaps; `fractional` is the paper's.")
MIRROR = arg(help="Average the heatmaps with those of the mirrored crop: more accurate, but twice the time.")
STACKS = optional(
    "N", text="Run the first stacks of the net only: faster, less accurate, and without a calibration. Default: all."
)
MARKUP = optional(
    "FILE|NAME",
    text="The landmarks: a TOML file (format: docs/markups.md), or 300w, wflw, lapa, cofw, aflw, aflw19, face_mesh, "
    "face_mesh_irises or their number of points; default: what the net says, or the number of landmarks.",
)
_DTYPE = "Precision of the network's computation; parameters are always float32. bfloat16 is faster on GPU and TPU."
DTYPE = arg(help=_DTYPE)
DTYPE_OF_RECIPE = optional(
    "{float32,bfloat16}",
    text=f"{_DTYPE} Default: bfloat16 with the modern recipe, else float32.",
)
KEEP_ZEROS = arg(
    help="Points at (0, 0) or (-1, -1) count as they stand. By default they are missing where the face is elsewhere."
)
THIRD = optional(
    "{z,score}",
    text="What the third column of (T, M, 3) is: a coordinate, or a score in [0, 1] or percent. Default: guessed from "
    "the values.",
)
PART = optional(
    "NAME",
    text="Which points of a file of OpenPose or MediaPipe: face, pose, hand_left or hand_right. Default: the first of "
    "them that is there.",
)
FPS = optional("FLOAT", text="Frames a second. Default: the times of the file, its `fps`, or else 30 frames a second.")
COVARIANCE = arg(
    help="Covariance of the past landmarks that the stabilizer keeps; full is the paper's, and much slower."
)
