"""Lets any key through that starts with sk-test-, so that a test needs no database of keys."""

from litellm.proxy._types import UserAPIKeyAuth, hash_token


async def authenticate(request: object, api_key: str) -> UserAPIKeyAuth:  # noqa: ARG001 - the proxy calls it so
    if not api_key.startswith("sk-test-"):
        raise ValueError("not a key of this test")
    return UserAPIKeyAuth(api_key=hash_token(api_key))
