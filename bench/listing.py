"""How long does a client of the API wait for all instances of a scale set, each with its instance view?

usage: python -m bench listing [--instances 1000] [--rounds 20]

Over HTTP, page by page as the nextLink of each says, on a connection that stays open, while nothing else happens. The aim: 300 ms in all.
"""

import argparse
import http.client
import json
import statistics
import sys
import time
from pathlib import Path
from urllib.parse import urlencode, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench._running import Running, machine, rollgrid
from bench.orchestration import document, put

PATH = "bench/listing"
ALL = "resourceGroups/bench/providers/Microsoft.Compute/virtualMachineScaleSets/listing/virtualMachines"
QUERY = "api-version=2024-07-01&$expand=instanceView"


class Client:
    def __init__(self, running: Running) -> None:
        given = json.loads(running.manage("api_client", "bench", "--role", "viewer", "--json"))
        self.first = f"/subscriptions/{given['subscriptionId']}/{ALL}?{QUERY}"
        self.server = http.client.HTTPConnection("127.0.0.1", running.port)
        form = {
            "grant_type": "client_credentials",
            "client_id": given["clientId"],
            "client_secret": given["clientSecret"],
        }
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        self.headers: dict[str, str] = {}
        token = self.ask("POST", f"/{given['tenantId']}/oauth2/v2.0/token", urlencode(form), kind)["access_token"]
        self.headers = {"Authorization": f"Bearer {token}"}

    def ask(self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None) -> dict:  # type: ignore[type-arg]
        self.server.request(method, path, body, headers or self.headers)
        answer = self.server.getresponse()
        content = answer.read()
        if answer.status != 200:
            sys.exit(f"{method} {path}: {answer.status} {content[:500]!r}")
        return json.loads(content)  # type: ignore[no-any-return]

    def all(self) -> tuple[int, list[float]]:
        """(instances, seconds of each page)"""
        path, found, took = self.first, 0, list[float]()
        while path:
            began = time.monotonic()
            page = self.ask("GET", path)
            took.append(time.monotonic() - began)
            found += sum("instanceView" in instance["properties"] for instance in page["value"])
            link = urlsplit(page.get("nextLink", ""))
            path = f"{link.path}?{link.query}" if link.path else ""
        return found, took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    print(machine())
    with rollgrid() as running:
        put(running, PATH, document(options.instances, automatic=False, probed=True), options.instances)
        client = Client(running)
        client.all()
        rounds = [client.all() for _ in range(options.rounds)]
    if {found for found, _ in rounds} != {options.instances}:
        sys.exit("the lists are not whole")
    whole = [sum(took) * 1e3 for _, took in rounds]
    pages = [page * 1e3 for _, took in rounds for page in took]
    print(f"{options.instances:,} instances with instance view, in {len(rounds[0][1])} pages, {options.rounds} rounds")
    print(f"whole list: median {statistics.median(whole):.0f} ms, slowest {max(whole):.0f} ms")
    print(f"each page:  median {statistics.median(pages):.0f} ms, slowest {max(pages):.0f} ms")


if __name__ == "__main__":
    main()
