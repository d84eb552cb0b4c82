"""Speed and memory, measured: `python -m tests.benchmarks` runs everything, `python -m tests.benchmarks.NAME` one."""
