"""`make bench`: every measurement of this folder, one after the other; `python -m bench NAME ...` is one of them, with its options."""

import subprocess
import sys
from pathlib import Path

ALL = {path.stem: path for path in sorted(Path(__file__).parent.glob("[!_]*.py"))}


def run(name: str, *options: str) -> None:
    """In a process of its own: Django is set up once in each."""
    print(f"\n== {name}", flush=True)
    subprocess.run([sys.executable, ALL[name], *options], check=True)


match sys.argv[1:]:
    case []:
        for name in ALL:
            run(name)
    case [name, *options] if name in ALL:
        run(name, *options)
    case [name, *_]:
        sys.exit(f"there is no measurement {name}; there are {', '.join(ALL)}")
