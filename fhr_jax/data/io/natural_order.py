"""The order of names with numbers in them."""

import re


def natural(name: str) -> list[tuple[int, int, str]]:
    """A sort key that compares numbers in names by value, however long they are: frame2 before frame10."""
    parts = re.split(r"([0-9]+)", name.lower())
    numbers = [part.lstrip("0") if part.isdecimal() and part.isascii() else None for part in parts]
    return [
        (1, 0, part) if number is None else (0, len(number), number)
        for part, number in zip(parts, numbers, strict=True)
    ]
