"""`python -m rollgrid_feed URL [RG/NAME ...]`: one line for each change. URL: of the server, or of a wallboard."""

import argparse
import asyncio
import os

from rollgrid_feed.copy import Change, FeedCopy, Refused
from rollgrid_feed.state import State, numbers


def line(change: Change, state: State | None) -> str:
    """Words for a change: what came, how many are up to date, and how many instances are in each other state."""
    board = state and state["board"]
    if not board:
        return " ".join(filter(None, (change.set or "feed", change.kind, change.reason)))
    others = [f"{name} {len(list(numbers(ranges)))}" for name, ranges in board["states"].items() if name != "done"]
    counts = "{up_to_date} of {eligible} up to date".format(**board["counts"])
    return f"{change.set} {change.kind}: {', '.join([counts, *others])}"


async def follow(copy: FeedCopy) -> None:
    async with copy:
        async for change in copy.changes():
            print(line(change, copy.sets.get(change.set)), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="rollgrid_feed", description="Prints one line for each change of the feed.")
    parser.add_argument("url", help="of the server, or of a wallboard: https://HOST/wall/TOKEN/")
    parser.add_argument("sets", nargs="*", metavar="RG/NAME", help="only these; without, all that the token shows")
    words = parser.parse_args()
    site, _, wall = words.url.partition("/wall/")
    token = wall.strip("/") or os.environ.get("ROLLGRID_FEED_TOKEN", "")
    if not token:
        parser.error("set ROLLGRID_FEED_TOKEN, or give the URL of a wallboard")
    try:
        asyncio.run(follow(FeedCopy(site, token, words.sets)))
    except Refused as refusal:
        parser.exit(1, f"refused: {refusal}\n")
    except KeyboardInterrupt:
        parser.exit(130)


if __name__ == "__main__":
    main()
