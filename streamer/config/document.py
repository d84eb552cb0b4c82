"""A YAML document with the line of every key, so that a problem can be pointed at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from streamer.errors import ConfigError, StreamerError

if TYPE_CHECKING:
    from pathlib import Path

Location = tuple[str | int, ...]


class Document:
    """The content of a YAML file and where in it each key stands."""

    def __init__(self, path: Path) -> None:
        """Read `path`; raises ConfigError if it cannot be read or is no YAML mapping with unique keys."""
        self.path = path
        self.values: dict[str, Any] = {}
        self._lines: dict[Location, int] = {}
        self._problems: list[StreamerError] = []
        root, values = self._read()
        if root is not None:
            if not isinstance(root, yaml.MappingNode):
                raise ConfigError([StreamerError(str(path), "found no mapping", "allowed: `section:` with keys below")])
            self._walk(root, ())
            if self._problems:
                raise ConfigError(self._problems)
            self.values = {str(key): value for key, value in values.items() if value is not None}

    def _read(self) -> tuple[yaml.Node | None, Any]:
        try:
            text = self.path.read_text(encoding="utf-8")
            return yaml.compose(text, Loader=yaml.SafeLoader), yaml.safe_load(text)
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            problem = StreamerError(str(self.path), f"cannot be read: {reason}", "name a readable YAML file")
            raise ConfigError([problem]) from error
        except RecursionError as error:
            problem = StreamerError(str(self.path), "nested too deeply", "write it with fewer levels")
            raise ConfigError([problem]) from error
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            problem = StreamerError(f"{self.path}:{line}", f"not YAML: {error.problem}", "mend the line")
            raise ConfigError([problem]) from error
        except yaml.YAMLError as error:
            problem = StreamerError(str(self.path), f"not YAML: {error}", "mend the file")
            raise ConfigError([problem]) from error

    def _walk(self, node: yaml.Node, location: Location, around: tuple[yaml.Node, ...] = ()) -> None:
        if any(node is outer for outer in around):
            where = f"{self.path}:{node.start_mark.line + 1}: {'.'.join(map(str, location))}"
            self._problems.append(StreamerError(where, "found an alias of what it is in", "write the value itself"))
            return
        around = (*around, node)
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                here = (*location, str(key.value))
                if here in self._lines:
                    where = f"{self.path}:{key.start_mark.line + 1}: {'.'.join(map(str, here))}"
                    first = f"found a second time, first in line {self._lines[here]}"
                    self._problems.append(StreamerError(where, first, "keep one of them"))
                    continue
                self._lines[here] = key.start_mark.line + 1
                self._walk(value, here, around)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                self._lines[*location, index] = value.start_mark.line + 1
                self._walk(value, (*location, index), around)

    def place(self, location: Location) -> str:
        """The file and, where it is known, the line of a key or of the nearest key around it."""
        for length in range(len(location), 0, -1):
            line = self._lines.get(location[:length])
            if line is not None:
                return f"{self.path}:{line}"
        return str(self.path)
