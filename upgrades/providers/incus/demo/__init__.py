"""Real containers to look at: an Incus of its own where there is none, a tiny guest OS, and what a location for them needs."""
