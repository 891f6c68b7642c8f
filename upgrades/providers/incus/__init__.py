"""Containers and virtual machines of Incus, or of LXD from 5.15 on, over its REST API."""
