"""`make bench`: every measurement of this folder, one after the other, each as a table with ratios to a peer in the same run."""

import runpy
from pathlib import Path

for path in sorted(Path(__file__).parent.glob("[!_]*.py")):
    print(f"\n== {path.stem}", flush=True)
    runpy.run_path(str(path), run_name="__main__")
