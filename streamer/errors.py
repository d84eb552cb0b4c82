"""Errors a person can act on: where, what was found there, what to do about it."""

from __future__ import annotations


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


class BrokerError(StreamerError):
    """Kafka could not be started, reached or used."""


class SourceError(UsageError):
    """An input that cannot be opened or read at all."""
