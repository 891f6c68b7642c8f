"""Where new image versions come from: folders and simplestreams indexes, signed or not. Knows nothing of the database."""
