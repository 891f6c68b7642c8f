"""Commands: what people may do. Every entry point (pages, API, admin, terminal) calls these, and nothing else writes for people."""
