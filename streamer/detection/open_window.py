"""What was asked in one window that is still open: a column for each thing that is known of a request."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
import numpy.typing as npt

from streamer.detection.request import Request

REFUSED = frozenset({429, 529})
UNKNOWN = -1
NO_PROMPT, BY_HASH, BY_SHAPE = 0, 1, 2
MIN_TELLING_TOKENS = 64
_COLUMNS = {
    "account": "i",
    "time_ms": "q",
    "output": "i",
    "input": "i",
    "max_tokens": "i",
    "identity": "i",
    "prompt": "Q",
    "session": "I",
    "marks": "i",
}
_REFUSED_MARK, _KIND_SHIFT, _LANGUAGE_SHIFT, _CAPABILITY_SHIFT = 1, 1, 3, 8
_SHAPE = struct.Struct("<qq")
Ints = npt.NDArray[Any]


def bit_of(word: str | None) -> int:
    """Give one of 31 places that a word stands for, the same in every process; UNKNOWN for none.

    >>> bit_of(None), bit_of("en") == bit_of("en")
    (-1, True)
    """
    return UNKNOWN if word is None else crc32(word.encode("utf-8", "surrogatepass")) % 31


@lru_cache(maxsize=8192)
def marks_of(status: int | None, language: str | None, capability: str | None) -> int:
    """Pack what takes few values into one number."""
    refused = _REFUSED_MARK if status in REFUSED else 0
    return refused | (bit_of(language) + 1) << _LANGUAGE_SHIFT | (bit_of(capability) + 1) << _CAPABILITY_SHIFT


def event_keys(requests: Iterable[Request]) -> list[int]:
    """Give 64 bits of each that tell a repeat, the same in every process."""
    names = [f"{one.account_id}\0{one.event_id}".encode("utf-8", "surrogatepass") for one in requests]
    digests = b"".join([blake2b(name, digest_size=8).digest() for name in names])
    keys: list[int] = np.frombuffer(digests, dtype=">u8").tolist()
    return keys


def session_of(name: str) -> int:
    """Give 32 bits that stand for a session, never 0."""
    return crc32(name.encode("utf-8", "surrogatepass")) | 1


def _identity(request: Request) -> tuple[Any, ...]:
    return (
        request.client_ip,
        request.user_agent,
        request.tls_fingerprint,
        request.device_id,
        request.payment_fingerprint,
        request.email_domain,
        request.system_prompt_hash,
        request.account_created_ms,
        request.plan,
        request.organization_id,
        request.model,
    )


def _prompt(request: Request) -> tuple[int, int]:
    """Give what stands for a request's prompt, and the mark of its kind."""
    simhash = request.prompt_simhash
    if simhash is not None:
        return int(simhash, 16), BY_HASH << _KIND_SHIFT
    asked = request.input_tokens
    if asked is not None and asked >= MIN_TELLING_TOKENS:
        return _shape(request.model, asked, request.max_tokens), BY_SHAPE << _KIND_SHIFT
    return 0, NO_PROMPT


class Columns(NamedTuple):
    """The requests of a window, by account and time; `account` and `identity` are places in the lists.

    An identity is the fields of `links.Identity`, and the model last.
    """

    account_ids: list[str]
    identities: list[tuple[Any, ...]]
    account: Ints
    time_ms: Ints
    output: Ints
    input: Ints
    max_tokens: Ints
    refused: Ints
    identity: Ints
    prompt: Ints
    prompt_kind: Ints
    session: Ints
    language: Ints
    capability: Ints


class OpenWindow:
    """Collects requests in any order; 44 bytes each, and every account and identity once."""

    __slots__ = ("_accounts", "_columns", "_identities")

    def __init__(self) -> None:
        self._accounts: dict[str, int] = {}
        self._identities: dict[tuple[Any, ...], int] = {}
        self._columns: dict[str, array[int]] = {name: array(code) for name, code in _COLUMNS.items()}

    def add(self, request: Request, timestamp_ms: int) -> None:
        """Add one request."""
        self.add_all((request,), (timestamp_ms,))

    def add_all(self, requests: Sequence[Request], times: Sequence[int]) -> None:
        """Add requests, of which these are the times."""
        accounts, identities, columns = self._accounts, self._identities, self._columns
        columns["account"].extend([accounts.setdefault(one.account_id, len(accounts)) for one in requests])
        columns["identity"].extend([identities.setdefault(said, len(identities)) for said in map(_identity, requests)])
        columns["time_ms"].extend(times)
        columns["output"].extend([UNKNOWN if (told := one.output_tokens) is None else told for one in requests])
        columns["input"].extend([UNKNOWN if (told := one.input_tokens) is None else told for one in requests])
        columns["max_tokens"].extend([UNKNOWN if (told := one.max_tokens) is None else told for one in requests])
        columns["session"].extend([0 if (name := one.session_id) is None else session_of(name) for one in requests])
        prompts = list(map(_prompt, requests))
        columns["prompt"].extend([prompt for prompt, _ in prompts])
        columns["marks"].extend(
            [
                marks_of(one.status, one.language, one.capability) | kind
                for one, (_, kind) in zip(requests, prompts, strict=True)
            ]
        )

    def columns(self) -> Columns:
        """Give everything, sorted by account and time; what came first does not matter."""
        found = {name: np.frombuffer(column, dtype=column.typecode) for name, column in self._columns.items()}
        order = np.lexsort((found["session"], found["time_ms"], found["account"]))
        told = {name: column[order] for name, column in found.items()}
        marks = told.pop("marks")
        return Columns(
            list(self._accounts),
            list(self._identities),
            **told,
            refused=marks & _REFUSED_MARK,
            prompt_kind=marks >> _KIND_SHIFT & 3,
            language=(marks >> _LANGUAGE_SHIFT & 31) - 1,
            capability=(marks >> _CAPABILITY_SHIFT & 31) - 1,
        )

    def snapshot(self) -> list[Any]:
        """Plain data from which `restore` makes the same window."""
        columns = [column.tobytes() for column in self._columns.values()]
        return [list(self._accounts), [list(identity) for identity in self._identities], columns]

    @classmethod
    def restore(cls, state: list[Any]) -> OpenWindow:
        """Take over what `snapshot` gave."""
        self = cls()
        accounts, identities, columns = state
        self._accounts = {name: at for at, name in enumerate(accounts)}
        self._identities = {tuple(identity): at for at, identity in enumerate(identities)}
        for column, data in zip(self._columns.values(), columns, strict=True):
            column.frombytes(data)
        return self


@lru_cache(maxsize=8192)
def _shape(model: str, input_tokens: int, max_tokens: int | None) -> int:
    """Stand in for a prompt's hash where there is none: a long prompt of just this length is seldom met twice."""
    told = model.encode("utf-8", "surrogatepass") + _SHAPE.pack(input_tokens, -1 if max_tokens is None else max_tokens)
    return int.from_bytes(blake2b(told, digest_size=8, person=b"shape").digest(), "big")
