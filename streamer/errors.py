"""Errors a person can act on: where, what was found there, what to do about it."""

from __future__ import annotations

import errno

_REMEDIES = {
    errno.ENOSPC: "make room there, or name another place",
    errno.EDQUOT: "make room there, or name another place",
    errno.EACCES: "name a place that may be used, or change its permissions",
    errno.EPERM: "name a place that may be used, or change its permissions",
    errno.EROFS: "name a place that can be written to",
    errno.EISDIR: "move the directory away, or name another place",
    errno.ENOTDIR: "move the file away, or name another place",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
}


class StreamerError(Exception):
    """Something the program cannot go on with. `exit_code` is what the command line ends with."""

    exit_code = 1

    def __init__(self, where: str, found: str, remedy: str) -> None:
        self.where = where
        self.found = found
        self.remedy = remedy
        super().__init__(where, found, remedy)

    def __str__(self) -> str:
        return f"{self.where}: {self.found}; {self.remedy}"


class UsageError(StreamerError):
    """A wrong argument or combination of arguments."""

    exit_code = 2


class ConfigError(UsageError):
    """A configuration that cannot be used. Holds every problem found, not only the first."""

    def __init__(self, problems: list[StreamerError]) -> None:
        self.problems = problems
        first = problems[0]
        super().__init__(first.where, first.found, first.remedy)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class RefusedError(StreamerError):
    """What the operating system refused: a full disk, a file that may not be written, a directory in its place."""

    def __init__(self, error: OSError, where: str | None = None) -> None:
        """`where` stands in for the file's name, which the system does not always tell."""
        found = (error.strerror or str(error) or type(error).__name__).lower()
        place = error.filename2 or error.filename or where or "streamer"
        super().__init__(str(place), found, _REMEDIES.get(error.errno or 0, "look at it, and try again"))


class BrokerError(StreamerError):
    """Kafka could not be started, reached or used."""


class SourceError(UsageError):
    """An input that cannot be opened or read at all."""
