"""Options that several commands share: one name, one meaning and one help text each."""

from tyro.conf import arg

OUT = arg(metavar="DIR", help="Folder for the results; made if it does not exist.")
DATA = arg(
    metavar="DATA",
    help="A folder of photographs or videos with .pts files, the folder of a built dataset, or the name of a dataset.",
)
DIRECTORY = arg(
    metavar="DIR",
    help="With the name of a dataset: the folder of built datasets, the --out of `fhr-jax data build`; default: "
    "./datasets, then the data folder of TFDS.",
)
BOXES = arg(
    metavar="truth|jitter|FILE",
    help="Face boxes to crop by: truth, the bounding boxes of the true landmarks; jitter, the same moved at random; or "
    "a file with the boxes of a face detector (format: docs/training.md).",
)
WORKERS = arg(help="Number of processes that read; 0 reads in a thread of this process.")
NET = arg(
    metavar="FILE",
    help="A net.npz of `fhr-jax train` or `fhr-jax import`, or a folder of `fhr-jax export`; default: the net in the "
    "package.",
)
DECODER = arg(help="How landmarks are decoded from heatmaps; `fractional` is the paper's.")
MIRROR = arg(help="Average the heatmaps with those of the mirrored crop: more accurate, but twice the time.")
DTYPE = arg(
    help="Precision of the network's computation; parameters are always float32. bfloat16 is faster on GPU and TPU."
)
COVARIANCE = arg(
    help="Covariance of the past landmarks that the stabilizer keeps; full is the paper's, and much slower."
)
