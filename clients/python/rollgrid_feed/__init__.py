"""Keeps a faithful copy of what a Rollgrid shows, by its live feed: `FeedCopy`."""

from rollgrid_feed.copy import Change, FeedCopy, Refused
from rollgrid_feed.state import State, applied, follows, numbers

__all__ = ["Change", "FeedCopy", "Refused", "State", "applied", "follows", "numbers"]
