"""What was asked in one window that is still open: a column for each thing that is known of a request."""

from __future__ import annotations

import struct
from array import array
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

    __slots__ = ("_accounts", "_append", "_columns", "_identities")

    def __init__(self) -> None:
        self._accounts: dict[str, int] = {}
        self._identities: dict[tuple[Any, ...], int] = {}
        self._set({name: array(code) for name, code in _COLUMNS.items()})

    def _set(self, columns: dict[str, Any]) -> None:
        self._columns = columns
        self._append = tuple(column.append for column in columns.values())

    def add(self, request: Request, timestamp_ms: int) -> None:
        """Add one request."""
        identity = (
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
            request.asn,
            request.country,
            request.tools_hash,
            request.model,
        )
        add_account, add_time, add_output, add_input, add_limit, add_identity, add_prompt, add_session, add_marks = (
            self._append
        )
        accounts, identities = self._accounts, self._identities
        add_account(accounts.setdefault(request.account_id, len(accounts)))
        add_identity(identities.setdefault(identity, len(identities)))
        add_time(timestamp_ms)
        output, asked, limit = request.output_tokens, request.input_tokens, request.max_tokens
        add_output(UNKNOWN if output is None else output)
        add_input(UNKNOWN if asked is None else asked)
        add_limit(UNKNOWN if limit is None else limit)
        session = request.session_id
        add_session(0 if session is None else crc32(session.encode("utf-8", "surrogatepass")) | 1)
        marks = marks_of(request.status, request.language, request.capability)
        simhash = request.prompt_simhash
        if simhash is not None:
            add_prompt(int(simhash, 16))
            marks |= BY_HASH << _KIND_SHIFT
        elif asked is not None and asked >= MIN_TELLING_TOKENS:
            add_prompt(_shape(request.model, asked, limit))
            marks |= BY_SHAPE << _KIND_SHIFT
        else:
            add_prompt(0)
        add_marks(marks)

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
        restored = {}
        for (name, code), data in zip(_COLUMNS.items(), columns, strict=True):
            restored[name] = array(code)
            restored[name].frombytes(data)
        self._set(restored)
        return self


@lru_cache(maxsize=8192)
def _shape(model: str, input_tokens: int, max_tokens: int | None) -> int:
    """Stand in for a prompt's hash where there is none: a long prompt of just this length is seldom met twice."""
    told = model.encode("utf-8", "surrogatepass") + _SHAPE.pack(input_tokens, -1 if max_tokens is None else max_tokens)
    return int.from_bytes(blake2b(told, digest_size=8, person=b"shape").digest(), "big")
