"""The detector: pure, deterministic, driven by event time alone."""
