"""The exception for wrong input of the user."""


class InputError(ValueError):
    """Wrong input: a file, an option or an array that the caller can correct.

    The message is one line. It names the file, frame or argument and says what was expected. The command line prints it
    without a traceback and exits with code 2.
    """
