"""English, which is the only language there is."""
