"""The order of names with numbers in them."""

import re


def natural(name: str) -> list[tuple[int, int | str]]:
    """A sort key that compares numbers in names by value: frame2 before frame10."""
    parts = re.split(r"([0-9]+)", name.lower())
    return [(0, int(part)) if part.isdecimal() and part.isascii() else (1, part) for part in parts]
