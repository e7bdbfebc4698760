"""One serving process a file: a lock that the system lets go of when the process ends.

SQLite lets several processes write, and the command line tools do. Two that serve would each
believe that they are alone, and end the leases of the other.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from ..domain.errors import ConfigError


class ServingLock:
    """Held while this process serves. Released by `release`, or by its end, also by kill -9."""

    def __init__(self, fd: int) -> None:
        self._fd: int | None = fd

    def release(self) -> None:
        """Let another process serve. Can be called twice."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.release()


def lock_for_serving(path: Path) -> ServingLock:
    """Make sure that no other process serves the store in `path`.

    The lock is on `<path>.lock`, which holds our process id and is never deleted (another
    process could then hold a lock on the deleted file).

    Raises:
        ConfigError: Another process serves it, or the lock file cannot be written.
    """
    lock = path.with_name(path.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ConfigError(f"cannot write {lock}: {error.strerror}") from None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(fd, 0)
        os.pwrite(fd, b"%d\n" % os.getpid(), 0)
    except BlockingIOError:
        holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip()
        os.close(fd)
        raise ConfigError(
            f"another mail-sender (pid {holder or 'unknown'}) serves this file; stop it first, or "
            "let store.url name another file"
        ) from None
    except OSError as error:
        os.close(fd)
        raise ConfigError(f"cannot lock {lock}: {error.strerror}") from None
    return ServingLock(fd)
