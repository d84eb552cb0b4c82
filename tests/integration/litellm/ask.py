"""Makes requests with the OpenAI client, as many keys would: ask.py BASE_URL KEYS REQUESTS_PER_KEY"""

import asyncio
import sys

from openai import AsyncOpenAI

TEMPLATE = """You are given the source of one function from a large code base. Explain step by step what it does,
list every edge case, rewrite it with full error handling, and give three unit tests. Think aloud before you answer.
Function {}."""


async def ask(base_url: str, number: int, requests: int) -> None:
    async with AsyncOpenAI(base_url=base_url, api_key=f"sk-test-{number:03d}", max_retries=5) as client:
        for turn in range(requests):
            prompt = TEMPLATE.format(number * 1000 + turn)
            await client.chat.completions.create(
                model="meridian-5", messages=[{"role": "user", "content": prompt}], max_tokens=1024
            )


async def main(base_url: str, keys: int, requests: int) -> None:
    await asyncio.gather(*(ask(base_url, number, requests) for number in range(keys)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
