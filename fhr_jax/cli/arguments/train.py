"""The options of `fhr-jax train`; the command itself is `fhr_jax/cli/train.py`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from fhr_jax.cli.options import BOXES, DATA, DIRECTORY, DTYPE_OF_RECIPE, MARKUP, OUT, SPLIT, WORKERS, optional


@dataclass(frozen=True)
class TrainOptions:
    """Train a network that finds face landmarks: 68, or those of your files.

    Without --data it trains on synthetic faces, rendered on the fly. With --data it trains on photographs or video
    frames, and finds as many landmarks as these have; --markup says which. Talking Face has another markup: from it the
    network learns the seven landmarks that it shares with 300W.

    The folder OUT gets config.json, metrics.jsonl (one JSON object a line), checkpoints, best.npz (the net with the
    lowest validation error so far) and, at the end, net.npz: the trained net, calibrated on faces outside the
    training set if there are at least 32 (see --holdout). Use either as --net of `track` and `evaluate`.

    Interrupted runs resume exactly from the last checkpoint when you repeat the command. All devices of a host share
    each batch. Several hosts share it too, if each runs the same command with --distributed.

    Example:  fhr-jax train --out runs/small --steps 2000
    """

    out: Annotated[Path, OUT]
    preset: Annotated[Literal["paper", "medium", "small", "tiny"] | None, optional("{paper,medium,small,tiny}")] = None
    """Size of the network: `small`, the default, learns in minutes on a CPU, `paper` needs a GPU."""
    init: Annotated[str | None, optional("FILE|small")] = None
    """Start from a trained net: a net.npz, an exported folder, or `small`, the net in the package. It decides on the
    architecture and the loss. Data with another number of landmarks keep its trunk. Default: random parameters."""
    data: Annotated[str | None, DATA] = None
    directory: Annotated[Path | None, DIRECTORY] = None
    split: Annotated[str | None, SPLIT] = None
    validate_on: Annotated[str | None, optional("SPLIT|DIR")] = None
    """The split to validate on, or another folder; default: faces held out of the training data."""
    boxes: Annotated[str, BOXES] = "truth"
    markup: Annotated[str | None, MARKUP] = None
    steps: Annotated[int | None, optional("INT")] = None
    """Number of updates; default: 2000, or with the finetune recipe 100 and half an update for each photograph, at most
    2000. The learning rate decays over them, so a finished run cannot be prolonged."""
    recipe: Annotated[
        Literal["quick", "modern", "paper", "finetune"] | None, optional("{quick,modern,paper,finetune}")
    ] = None
    """quick: cross-entropy and Adam. modern: for long runs on GPU or TPU; AdamW, averaged parameters, bfloat16. paper:
    squared error and RMSprop, as the authors trained; learns slowly at first. finetune: for --init; small steps, and
    net.npz is the best net on the held-out faces, the initial one included. Default: finetune with --init, else quick.
    """
    batch: Annotated[int | None, optional("INT")] = None
    """Images per update, over all devices; default: 16, 64 with the modern recipe, 6 with the paper's."""
    learning_rate: Annotated[float | None, optional("FLOAT")] = None
    """Highest learning rate; default: 2e-3, 1e-3 with the finetune recipe, 2.5e-4 with the paper's. You may change it
    when you resume."""
    ema_decay: Annotated[float | None, optional("FLOAT")] = None
    """Decay of the exponential moving average of the parameters, such as 0.999; the averages become the net. Default:
    0.999 with the modern recipe, 0.98 with finetune, else 0 (no average)."""
    dtype: Annotated[Literal["float32", "bfloat16"] | None, DTYPE_OF_RECIPE] = None
    conventional: bool = False
    """Train on conventional heatmaps, whose centres are rounded to whole pixels, for comparison."""
    holdout: Annotated[int | None, optional("INT")] = None
    """Number of faces to validate on, held out of the training data; of videos, whole videos are held out. Default: 64,
    with the finetune recipe at most a fifth of the faces."""
    validate_every: Annotated[int | None, optional("INT")] = None
    """Updates between validations; default: 250, or 50 with the finetune recipe."""
    save_every: int = 250
    """Updates between checkpoints."""
    workers: Annotated[int, WORKERS] = 0
    seed: int = 0
    """Seed of the network, the synthetic faces and their order."""
    devices: Annotated[int | None, optional("INT")] = None
    """Number of devices to use, over all hosts; default: all that JAX sees."""
    distributed: bool = False
    """Train on several hosts that JAX can detect: under Slurm, Open MPI or Kubernetes, or on a TPU pod."""
    coordinator: Annotated[str | None, optional("HOST:PORT")] = None
    """Train on several hosts elsewhere: the address of host 0. Needs --hosts and --host."""
    hosts: Annotated[int | None, optional("INT")] = None
    """With --coordinator: number of hosts."""
    host: Annotated[int | None, optional("INT")] = None
    """With --coordinator: number of this host, from 0."""
    tensorboard: bool = False
    """Also write TensorBoard event files to OUT/tensorboard; needs tensorboardX."""
    dry_run: bool = False
    """Train nothing; print the operations and memory that the run would need."""
