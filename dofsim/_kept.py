"""Kernels whose compiled code is kept on disk, in files that any number of processes may share.

Numba writes the index of a kernel and then the code, and two processes that compile one kernel for different types at
the same moment may name one file for both: whoever reads the index later would run the code of the wrong types. So
writers take turns here, readers look whether they got what they asked for, and a file that is cut short counts as none.

Before it reads, Numba makes ready what only compiling takes, which is a third of a second in every process. Code that
does without its runtime needs nothing of that, so kernels have none unless they say so: they may not make arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import FunctionCache
from numba.core.sigutils import normalize_signature

LOCK = "kernels.lock"

#: Newest (major, minor) of Numba that was seen to load code as it is, with nothing made ready.
_TRIED = (0, 68)


def kept(*, runtime: bool = False, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A decorator: ``numba.njit(cache=True, ...)``, safely shared.

    Parameters
    ----------
    runtime
        Whether the code has Numba's runtime, as code that makes arrays needs.
    **options
        Of :func:`numba.njit`.

    Returns
    -------
    callable
        Takes a function, gives the compiled one; the plain one with ``NUMBA_DISABLE_JIT=1``.

    Raises
    ------
    RuntimeError
        By Numba, when it decorates, if there is no folder that it may write to.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        dispatcher = numba.njit(**options, _nrt=runtime)(function)
        if dispatcher is not function:
            cache = _SharedCache if runtime else _BareCache
            dispatcher._cache = cache(function)  # noqa: SLF001 - as its enable_caching does
        return dispatcher

    return decorate


class _SharedCache(FunctionCache):  # type: ignore[misc]
    """Numba's cache of one function, for writers that take turns and readers that look twice."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled code for a signature, or None; damaged files and other signatures are none."""
        try:
            found = self._load(sig, target_context)
        except Exception:  # noqa: BLE001 - whatever unpickling raises; it is compiled anew
            return None
        return found if found is not None and found.signature.args == normalize_signature(sig)[0] else None

    def _load(self, sig: Any, target_context: Any) -> Any:
        return super().load_overload(sig, target_context)

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep compiled code; where it cannot be kept, it is compiled again next time."""
        with suppress(OSError), _turn(Path(self.cache_path)):
            try:
                super().save_overload(sig, data)
            except OSError:
                raise
            except Exception:  # noqa: BLE001 - the index is damaged
                self.flush()
                super().save_overload(sig, data)


class _BareCache(_SharedCache):
    """The same for a function without Numba's runtime: nothing is made ready before it is loaded."""

    def _load(self, sig: Any, target_context: Any) -> Any:
        return self._load_overload(sig, target_context) if _loads_as_it_is() else super()._load(sig, target_context)

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        # Code of older versions of dofsim has the runtime, and would crash where that is not made ready.
        return (*super()._index_key(sig, codegen), "without runtime")


def _loads_as_it_is() -> bool:
    major, minor, *_ = numba.__version__.split(".")
    return (int(major), int(minor)) <= _TRIED


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """Wait for the others that write to a folder, where the system has locks."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("ab") as file:
        with suppress(OSError):  # some network disks have none
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
