"""Keeps a faithful copy of what a Rollgrid shows, by its live feed.

async with FeedCopy("https://rollgrid.example.com", token) as copy:
    async for change in copy.changes():
        print(change.set, copy.sets[change.set]["board"]["counts"])
"""

from rollgrid_feed.copy import Change, FeedCopy, Refused
from rollgrid_feed.state import State, applied, follows, numbers

__all__ = ["Change", "FeedCopy", "Refused", "State", "applied", "follows", "numbers"]
