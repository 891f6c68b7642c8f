"""What people may do. Every door (pages, API, admin, command line) calls these, and nothing else writes for people."""
