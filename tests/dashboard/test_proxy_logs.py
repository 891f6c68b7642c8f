"""The nginx configuration of docs/proxies.md, run by a real nginx: no token comes into its logs. Nothing runs behind it."""

import re
import subprocess
from http.client import HTTPConnection
from pathlib import Path

import pytest

from dashboard.environment import CHECKOUT
from tests.supervisor.starting import free_port
from tests.waiting import wait_until

TOKEN = "s3cr3t-Value_42"
ADDRESSES = (
    f"/wall/{TOKEN}/",
    f"/wall/{TOKEN}",
    f"/%77all/{TOKEN}/?a=b",
    f"/rollgrid//wall//{TOKEN}/",
    f"/feed/heads?token={TOKEN}",
    f"/feed/events?sets=a/b&ticket={TOKEN}",
    f"/static/js/wall.js?{TOKEN}",
)
FRAME = """\
daemon off; pid {folder}/pid; error_log {folder}/main.log warn; events {{ }}
http {{
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
{documented}
}}
"""


def documented(folder: Path, port: int) -> str:
    """What the document says, with other files and ports, and without TLS."""
    text = (CHECKOUT / "docs" / "proxies.md").read_text()
    found = re.search(r"## nginx.*?\n\n((?:    .*\n)+)\n    export", text, re.DOTALL)
    assert found
    text = re.sub(r"\s+ssl_certificate.*", "", found[1]).replace("/var/log/nginx", str(folder))
    return text.replace("443 ssl", f"127.0.0.1:{port}").replace("127.0.0.1:8000", f"127.0.0.1:{free_port()}")


@pytest.mark.slow
def test_tokens_come_into_no_log_of_nginx(tmp_path: Path) -> None:
    port = free_port()
    file = tmp_path / "nginx.conf"
    file.write_text(FRAME.format(folder=tmp_path, documented=documented(tmp_path, port)))
    nginx = subprocess.Popen(["/usr/sbin/nginx", "-c", str(file), "-e", str(tmp_path / "main.log")])
    try:
        wait_until((tmp_path / "pid").exists, seconds=30, what="nginx runs")
        for address in ADDRESSES:
            connection = HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("GET", address, headers={"Authorization": f"Bearer {TOKEN}"})
            assert connection.getresponse().status == 502
            connection.close()
    finally:
        nginx.terminate()
        nginx.wait(30)
    logs = {path.name: path.read_text() for path in tmp_path.glob("*.log")}
    assert logs["rollgrid.log"].count("/wall/***") == 4
    assert "GET /feed/heads" in logs["rollgrid.log"]
    assert all(TOKEN not in log for log in logs.values()), logs
