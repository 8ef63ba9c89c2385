"""Look-ahead as the commands offer it: `--lag` and `--causal`, and the line that says which one was used."""

from fhr_jax.errors import InputError


def check(lag: int | None, *, causal: bool) -> None:
    """Refuse --lag below 1, or together with --causal.

    Raises:
        InputError: see above.
    """
    if lag is not None and (causal or lag < 1):
        raise InputError(f"--lag {lag}: expected at least 1, without --causal, which looks at no later frame")


def sentence(lag: int | None) -> str:
    """What was done to each frame with so many frames of look-ahead: 0 for none, None for all."""
    if lag == 0:
        return "each frame is stabilized from the frames before it"
    frames = "frame" if lag == 1 else "frames"
    after = "all frames after it" if lag is None else f"{lag} {frames} after it"
    return f"each frame is smoothed from the frames before it and {after}; --causal looks at no later frame"
