"""Which markup a command uses, and what it says about it: from `--markup`, from the net, or by number of landmarks."""

import os
from typing import TYPE_CHECKING

from fhr_jax import markup as markups
from fhr_jax.errors import InputError
from fhr_jax.markup import FACE7, FACE68, Markup

if TYPE_CHECKING:
    from fhr_jax.weights import Net

_SILENT = (FACE68, FACE7)
"""Markups that need no remark."""


def chosen(option: str | None) -> Markup | None:
    """The markup of `--markup`; None without the option.

    Raises:
        InputError: there is no such markup, or its file is wrong.
    """
    if option is None:
        return None
    try:
        return markups.find(option)
    except InputError as error:
        raise InputError(f"--markup {error}") from error


def open_net(path: str | os.PathLike[str] | None, option: str | None, *, stacks: int | None = None) -> "Net":
    """Read a net; `--markup` replaces the markup of its file, and `--stacks` keeps its first stacks only.

    Raises:
        InputError: the net cannot be read or has fewer stacks, or the markup is wrong or has another number of
            landmarks.
    """
    from fhr_jax import weights

    markup, net = chosen(option), weights.load(path)
    net = net if stacks is None else weights.first_stacks(net, stacks)
    return net if markup is None else weights.with_markup(net, markup)


def of_data(name: str, landmarks: int, *, option: str | None, init: "Net | None" = None) -> Markup:
    """The markup of faces to train on, printed unless it is that of 300W.

    It is that of `--markup`, of the net that training starts from, or of the package with this number of landmarks. If
    there is none, it is `markup.unknown`.

    Args:
        name: of the data, for messages.
        landmarks: number of landmarks of the faces.
        option: `--markup`, or None.
        init: the net that training starts from, or None.

    Raises:
        InputError: the markup of `--markup` is wrong, or has another number of landmarks.
    """
    from fhr_jax.weights import markup_of

    markup = chosen(option)
    if markup is not None:
        if markup.size != landmarks:
            raise InputError(f"{name}: {landmarks} landmarks, but --markup is {markup.label}")
        return markup
    if init is not None and init.config.landmarks == landmarks and not _is_unknown(markup_of(init)):
        return markup_of(init)
    markup = markups.built_in(landmarks)
    if markup is None:
        print(
            f"{name}: {landmarks} landmarks of no known markup: faces are not mirrored, errors are in percent of the "
            "box size; --markup FILE tells more"
        )
        return markups.unknown(landmarks)
    if markup not in _SILENT:
        print(f"{name}: {landmarks} landmarks, taken for those of {markup.name}; --markup names another order")
    return markup


def imported(path: str | os.PathLike[str], net: "Net", *, option: str | None) -> "Net":
    """A net of another program with the markup of `--markup` or of its number of landmarks, if there is one."""
    markup = of_data(os.fspath(path), net.config.landmarks, option=option)
    return net._replace(markup=None if _is_unknown(markup) else markup)


def can_mirror(net: "Net", mirror: bool) -> bool:
    """Whether to average with the mirrored crop: if it is wanted and the net allows; if it does not, a line says so."""
    from fhr_jax import pipeline
    from fhr_jax.weights import markup_of

    if mirror and not pipeline.can_mirror(net):
        print(f"no mirror averaging: the markup of the net, {markup_of(net).label}, has no flip_pairs")
    return mirror and pipeline.can_mirror(net)


def _is_unknown(markup: Markup) -> bool:
    return markup == markups.unknown(markup.size)


def unit(markup: Markup) -> str:
    """What errors are divided by, in words."""
    if markup in markups.BUILT_IN:
        return "the distance between the outer eye corners"
    if not markup.eye_corners:
        return "the size of the box of the true landmarks (square root of width times height)"
    ends = (f"landmark {end}" if isinstance(end, int) else f"the mean of {end}" for end in markup.eye_corners)
    return f"the distance between {' and '.join(ends)}"


def print_unit(markup: Markup) -> None:
    """Say what errors are divided by, unless it is the usual distance of 68 or 7 landmarks."""
    if markup not in _SILENT:
        print(f"errors in percent of {unit(markup)}; markup {markup.label}")
