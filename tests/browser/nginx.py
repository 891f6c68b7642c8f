"""A real nginx in front of a running Rollgrid, in the set-ups that people have."""

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.end_to_end.installation import Installation
from tests.waiting import wait_until

CONFIGURATION = """\
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
  server {{
    listen 127.0.0.1:{port}{tls};
    ssl_certificate {home}/tls/server.pem; ssl_certificate_key {home}/tls/server.key;
    location {location} {{
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_ssl_verify off;
      {says}
      proxy_pass {behind};
    }}
  }}
}}
"""
FORWARDED = """\
proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;"""


@contextmanager
def nginx(
    up: Installation,
    folder: Path,
    port: int,
    *,
    host: str = "$http_host",
    says: str = FORWARDED,
    tls_in_front: bool = True,
    tls_behind: bool = False,
    location: str = "/",
    takes_off: bool = False,
) -> Iterator[None]:
    """Runs until the end of the block. `host`: what it sends as `Host`; "" for its own choice. `takes_off`: the sub-path."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    assert Path(program).exists(), "the tests of proxies need nginx: apt-get install nginx-light"
    behind = f"https://127.0.0.1:{up.https_port}" if tls_behind else f"http://127.0.0.1:{up.http_port}"
    named = f"proxy_set_header Host {host};\n      " if host else ""
    file = folder / "nginx.conf"
    file.write_text(
        CONFIGURATION.format(
            folder=folder,
            home=up.home,
            port=port,
            tls=" ssl" if tls_in_front else "",
            location=location,
            says=named + says,
            behind=behind + ("/" if takes_off else ""),
        )
    )
    process = subprocess.Popen([program, "-c", str(file), "-e", str(folder / "error.log")], stderr=subprocess.DEVNULL)
    try:
        wait_until((folder / "pid").exists, seconds=30, what="nginx runs")
        yield
    finally:
        process.terminate()
        process.wait(30)


def trusting(up: Installation) -> ssl.SSLContext:
    """A client that knows our CA."""
    return ssl.create_default_context(cafile=up.home / "tls" / "ca.pem")
