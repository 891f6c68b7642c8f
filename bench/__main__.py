"""`make bench`: every measurement of this folder, one after the other, each as a table with ratios to a peer in the same run."""

import subprocess
import sys
from pathlib import Path

for path in sorted(Path(__file__).parent.glob("[!_]*.py")):
    print(f"\n== {path.stem}", flush=True)
    subprocess.run([sys.executable, path], check=True)  # a process of its own: Django is set up once in each
