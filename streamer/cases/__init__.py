"""Alerts as cases: everything that was said about one campaign, put together for a person to judge."""
