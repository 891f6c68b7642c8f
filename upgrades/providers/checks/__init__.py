"""Checks of a provider against its real machines: the tests run them, and `manage.py check_provider` for any location.

Each is a short story with asserts, told with a scale set of its own (site.py).
"""
