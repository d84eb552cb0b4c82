"""Synthetic worlds with known truth: honest customers, look-alikes and extraction campaigns."""
