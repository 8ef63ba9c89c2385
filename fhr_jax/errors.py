"""The exception for wrong input of the user."""

LONGEST = 1500
"""Length of a message, beyond which it is cut."""


class InputError(ValueError):
    """Wrong input: a file, an option or an array that the caller can correct.

    The message is one line. It names the file, frame or argument and says what was expected. The command line prints it
    without a traceback and exits with code 2. Line breaks and other control characters, which it may quote from a
    damaged file, become escapes.
    """

    def __init__(self, message: str):
        text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in message)
        super().__init__(text if len(text) <= LONGEST else f"{text[:LONGEST]} ...")
