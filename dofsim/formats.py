"""Formats that outlive a release carry a number: what an older one wrote is read, what a newer one wrote is refused."""

from __future__ import annotations

import operator
import reprlib
from typing import Any

from dofsim import __version__
from dofsim.errors import DofsimError


def check_format(stated: Any, known: int, what: str, error: type[DofsimError], maker: Any = None) -> int:
    """Refuse a file whose format this dofsim does not know.

    Parameters
    ----------
    stated : object
        The number that the file states, as it was read; 1 and above are numbers of formats.
    known : int
        The newest format that can be read.
    what : str
        What to call the file in an error.
    error : type of DofsimError
        What to raise.
    maker : object
        The version of dofsim that the file says it is from, if it says so.

    Returns
    -------
    int
        The number.

    Raises
    ------
    DofsimError
        Of the given type: if the number is none, or above ``known``.
    """
    try:
        number = 0 if isinstance(stated, bool) else operator.index(stated)
    except TypeError:
        number = 0
    if number < 1:
        raise error(f"{what} is of format {reprlib.repr(stated)}, which is not a version number; it is damaged")
    if number > known:
        by = f"dofsim {' '.join(str(maker).split())[:40]}" if maker else "a newer dofsim"
        raise error(
            f"{what} is of format {reprlib.repr(number)}, by {by}, and this dofsim {__version__} knows formats up to "
            f"{known}; update dofsim (pip install --upgrade dofsim)"
        )
    return number
