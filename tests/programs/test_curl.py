# SPDX-License-Identifier: LGPL-2.1-or-later
"""The experiment of 2014 with an unmodified curl and a real nginx."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from portzero.column import open_column
from portzero.project import OUT, appearing

NGINX = """
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 8080;
        listen [::]:8080;
        location / {{ return 200 "hello"; }}
    }}
}}
"""
DIALOGUE = """
{nginx} -c {folder}/nginx.conf -p {folder} &
until curl -so /dev/null http://127.0.0.1:8080/; do :; done
curl -sSv http://127.0.0.1:0/ 'http://[::1]:0/'
"""


@pytest.fixture(scope="session")
def nginx() -> Path:
    """The distribution's nginx, unpacked but not installed: installing it
    would start a server on this machine."""
    folder = OUT / "programs" / "nginx"
    if not folder.exists():
        with appearing(folder) as partial:
            subprocess.run(["apt-get", "download", "nginx"], cwd=partial, check=True,
                           capture_output=True)
            package = next(partial.glob("nginx_*.deb"))
            subprocess.run(["dpkg", "--extract", package, partial], check=True)
    return folder / "usr/sbin/nginx"


def talk(libc: str, nginx: Path, folder: Path) -> list[str]:
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder))
    told = folder / "told"
    script = DIALOGUE.format(nginx=nginx, folder=folder)
    with told.open("wb") as out:
        assert open_column(libc).run(["sh", "-ec", f"exec 2>&1; {script}"], stdout=out) == 0
    return told.read_text().splitlines()


def asks_for_the_peer() -> bool:
    """Whether this curl asks getpeername() whom it is connected to.  Later ones (8.14
    is one) say whom they called."""
    told = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True).stdout
    return int(told.split()[1].split(".")[0]) < 8


@pytest.mark.parametrize("libc", ["distro", "stock"])
def test_without_the_patch_curl_misses_the_peer(libc: str, nginx: Path, tmp_path: Path) -> None:
    lines = talk(libc, nginx, tmp_path)
    assert lines.count("< HTTP/1.1 200 OK") == 2
    if asks_for_the_peer():
        assert ("* getpeername() failed with errno 107: Transport endpoint is not connected"
                in lines)
        assert "* Connected to 127.0.0.1 () port 0 (#0)" in lines
    else:
        assert "* Connected to 127.0.0.1 (127.0.0.1) port 0" in lines


def test_with_the_patch_curl_names_it(nginx: Path, tmp_path: Path) -> None:
    lines = talk("patched", nginx, tmp_path)
    for address, number in (("127.0.0.1", 0), ("::1", 1)):
        end = f" (#{number})" if asks_for_the_peer() else ""
        assert f"* Connected to {address} ({address}) port 0{end}" in lines
    assert not [line for line in lines if "errno" in line]
    assert lines.count("< HTTP/1.1 200 OK") == 2
