"""The text of an error. It can be made of any error, also of one whose own `__str__` fails, and it has a bound.

All that shows an error (messages, events, history, the command line) takes its text from here.
"""

LONGEST = 10_000  # characters of a message; more than a screen, and less than a log that nothing can open


def describe_error(error: BaseException, *, longest: int | None = LONGEST) -> str:
    """Return the type and the message of an error in one text, as the last line of a traceback has it.

    Never raises. A message of more than `longest` characters is cut.

    >>> describe_error(ValueError("no rows")), describe_error(KeyError())
    ('ValueError: no rows', 'KeyError: ')
    """
    return f"{type(error).__name__}: {error_message(error, longest=longest)}"


def error_message(error: BaseException, *, longest: int | None = LONGEST) -> str:
    """Return the message of an error. Never raises: an error that has no text says why instead.

    >>> class Odd(Exception):
    ...     def __str__(self):
    ...         return self.missing
    >>> error_message(Odd())
    "<its text cannot be made: AttributeError: 'Odd' object has no attribute 'missing'>"
    """
    try:
        text = str.__str__(str(error))  # a text and nothing else, whatever subclass of str was returned
    except KeyboardInterrupt:
        raise
    except BaseException as fault:
        text = f"<its text cannot be made: {_describe_fault(fault)}>"
    if longest is None or len(text) <= longest:
        return text
    return f"{text[:longest]}... ({len(text) - longest:,} more characters)"


def _describe_fault(fault: BaseException) -> str:
    """Return the text of the error that `__str__` raised; its type alone, if that has none either."""
    try:
        return f"{type(fault).__name__}: {str(fault)[:200]}"
    except Exception:
        return type(fault).__name__
