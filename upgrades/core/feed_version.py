"""The version of the feed's protocol. It stays while fields are only added (docs/feed.md)."""

VERSION = 1
