"""Finds coordinated extraction campaigns in the request stream of an LLM API."""

__version__ = "0.1.0"
