"""What `fhr-jax track` says of a video that is not as it should be, beside what its source says."""

from fhr_jax.cli.tracking.follow import Picture
from fhr_jax.cli.tracking.outputs import Outputs
from fhr_jax.data.io.sound import Sound


def damage(outputs: Outputs) -> list[str]:
    """What is said of corrupt frames."""
    if not outputs.damaged:
        return []
    return [f"damaged frames: {outputs.damaged}; their landmarks are those of what could be decoded"]


def size_changes(changes: list[Picture]) -> list[str]:
    """What is said of frames of another size than those before them."""
    if not changes:
        return []
    (height, width), number = changes[0].image.shape[:2], changes[0].number + 1
    times = "once" if len(changes) == 1 else f"{len(changes)} times"
    return [
        f"the size of the frames changes {times}, first to {width} x {height} in frame {number}: the stabilizer starts "
        "again there, landmarks are in pixels of their own frame, and the overlay keeps the size of the first one"
    ]


def sound_problem(sound: Sound | None) -> list[str]:
    """What is said of a sound that could not be read as a whole."""
    return [f"the sound of the overlay ends early ({sound.problem})"] if sound is not None and sound.problem else []
