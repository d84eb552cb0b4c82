"""SimHash of a text: near-identical texts differ in few of the 64 bits, unrelated ones in about half."""

from __future__ import annotations

import hashlib
import re
import unicodedata

import numpy as np

SHINGLE_WORDS = 3
# A prompt of a megabyte costs no more than one of this many words: what is near-identical is so from the start.
MAX_WORDS = 2048

# Scripts written without spaces are taken by the character, so that an edit does not change the whole sentence.
_UNSPACED = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORDS = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")
_MAX_CHARACTERS = MAX_WORDS * 12


def simhash64(text: str, *, key: bytes = b"") -> str | None:
    """The SimHash over word 3-shingles of the normalized text, as 16 hex digits; None if it holds nothing.

    With a `key`, bits cannot be guessed back from likely texts, and are comparable only among themselves.
    """
    normalized = unicodedata.normalize("NFKC", text[:_MAX_CHARACTERS]).casefold()
    words = _WORDS.findall(normalized)[:MAX_WORDS] or normalized.split()[:MAX_WORDS]
    if not words:
        return None
    count = max(1, len(words) - SHINGLE_WORDS + 1)
    digests = b"".join(
        hashlib.blake2b(
            " ".join(words[at : at + SHINGLE_WORDS]).encode("utf-8", "replace"), digest_size=8, key=key
        ).digest()
        for at in range(count)
    )
    bits = np.unpackbits(np.frombuffer(digests, dtype=np.uint8).reshape(count, 8), axis=1)
    majority = bits.sum(axis=0, dtype=np.int64) * 2 > count
    return np.packbits(majority).tobytes().hex()


def hash_text(text: str, *, key: bytes = b"") -> str:
    """A stable hash of a whole text, 32 hex digits; keyed if a `key` is given."""
    data = text.encode("utf-8", "replace")
    if key:
        return hashlib.blake2b(data, digest_size=16, key=key).hexdigest()
    return hashlib.sha256(data).hexdigest()[:32]
