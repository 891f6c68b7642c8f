"""What providers of virtual machines on one host share, however machines are started: disks in a folder, steps, boots, checks."""
