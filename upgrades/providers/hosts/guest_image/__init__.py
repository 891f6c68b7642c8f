"""Makes a whole guest OS of 19 MB from Debian packages: for demonstrations and tests on real virtual machines.

Needs no root, no loop devices and no mounts. Nothing of it is distributed with Rollgrid: it is made where it is used.
"""
