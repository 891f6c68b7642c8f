"""/metrics for Prometheus: the fleet's state, read from the database, and what processes have measured, read from their files.

docs/metrics.md has all metrics.
"""
