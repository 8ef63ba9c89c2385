"""The one exception that means "the user's input is wrong"."""


class InputError(ValueError):
    """Bad input: a file, an option or an array that the caller can mend.

    The message is one line that names the file, frame or argument and says what was expected. The
    command line prints it and leaves with exit code 2; it never shows a traceback for it.
    """
