"""`artlives serve` and `artlives selfie` in processes of their own."""

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request
import webbrowser
from contextlib import contextmanager
from pathlib import Path

import pytest

import artlives
from artlives.cli.selfie import selfie
from artlives.cli.serve import say
from artlives.web import server
from artlives.web.certificate import self_signed

PATIENCE = 60  # seconds
UNTRUSTING = ssl.create_default_context()
UNTRUSTING.check_hostname = False
UNTRUSTING.verify_mode = ssl.CERT_NONE


@contextmanager
def serving(*arguments):
    """`artlives serve` with these arguments on a free port: its process, and the link that it printed."""
    root = str(Path(artlives.__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "artlives", "serve", "--port", "0", "--device", "cpu", *arguments]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def get(link, **headers):
    request = urllib.request.Request(link, headers=headers)
    with urllib.request.urlopen(request, timeout=PATIENCE, context=UNTRUSTING) as response:
        return response.read()


def test_a_running_request_is_finished_after_sigterm():
    large = (Path(__file__).parents[2] / "images" / "coffee.jpg").read_bytes()
    with serving() as (process, link):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", link)
        assert json.loads(get(link + "healthz"))["status"] == "ok"
        answers = []

        def ask():
            request = urllib.request.Request(f"{link}api/sheet?size=600", large)
            with urllib.request.urlopen(request, timeout=PATIENCE) as response:
                answers.append((response.status, len(response.read())))

        thread = threading.Thread(target=ask)
        thread.start()
        while not json.loads(get(link + "healthz"))["pictures"]:
            assert thread.is_alive()
        process.send_signal(signal.SIGTERM)
        thread.join(PATIENCE)
        _, errors = process.communicate(timeout=PATIENCE)
        assert answers[0][0] == 200
        assert answers[0][1] > 100_000
        assert "Traceback" not in errors
        assert process.returncode in (0, -signal.SIGTERM)
        with pytest.raises(urllib.error.URLError, match="refused"):
            get(link + "healthz")


def test_who_sends_too_much_hears_why():
    with serving() as (_, link):
        with pytest.raises(urllib.error.HTTPError, match="413") as answer:
            urllib.request.urlopen(f"{link}api/stylize?style=wave", bytes(40_000_000), timeout=PATIENCE)
        assert "25 MB" in json.load(answer.value)["detail"]


def test_ctrl_c_ends_it_quietly():
    with serving() as (process, link):
        get(link + "healthz")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
        assert "Traceback" not in errors


def test_other_machines_need_the_token_of_the_link():
    with serving("--host", "0.0.0.0") as (_, link):
        match = re.fullmatch(r"http://[\d.a-z-]+:(\d+)/\?token=([\w-]{20,})", link)
        assert match
        port, token = match.groups()
        here = f"http://127.0.0.1:{port}/api/styles"
        with pytest.raises(urllib.error.HTTPError, match="401"):
            get(here)
        assert json.loads(get(f"{here}?token={token}"))


def test_https_with_a_certificate_of_its_own():
    with serving("--https", "--host", "0.0.0.0", "--no-token") as (_, link):
        port = re.fullmatch(r"https://[\d.a-z-]+:(\d+)/", link)[1]
        assert json.loads(get(f"https://127.0.0.1:{port}/api/styles"))


def test_the_certificate_names_its_hosts(tmp_path):
    file = tmp_path / "certificate.pem"
    file.write_bytes(self_signed({"localhost", "192.0.2.7"}))
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(file)
    from cryptography import x509

    names = x509.load_pem_x509_certificate(file.read_bytes()).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert [str(name) for name in names.value.get_values_for_type(x509.IPAddress)] == ["192.0.2.7"]
    assert names.value.get_values_for_type(x509.DNSName) == ["localhost"]


def test_a_port_that_is_taken_is_said_to_be(run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run("serve", "--port", port)
    assert result.exit_code == 1
    assert f"port {port}" in result.output
    assert "--port" in result.output


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [(["--port", "99999"], 2, "--port"), (["--host", "no.such.host.invalid"], 1, "--host")],
)
def test_errors_are_one_line(run, arguments, status, message):
    result = run("serve", *arguments)
    assert result.exit_code == status
    assert message in result.output


@pytest.mark.parametrize(
    ("link", "has_code"), [("https://192.0.2.7:1/?token=x", True), ("http://127.0.0.1:1/", False)]
)
def test_a_phone_can_scan_the_link(capsys, monkeypatch, link, has_code):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    say(link, "cpu")
    printed = capsys.readouterr()
    assert printed.out.strip() == link
    assert ("\N{FULL BLOCK}" in printed.err) == has_code


@pytest.mark.parametrize("opens", [True, False])
@pytest.mark.parametrize(("arguments", "end"), [([], ""), (["--kiosk"], "#kiosk")])
def test_selfie_opens_the_browser_on_the_link(run, monkeypatch, opens, arguments, end):
    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda link: opened.append(link) or opens)
    monkeypatch.setattr(
        server, "serve", lambda *arguments, announce, **options: announce("http://127.0.0.1:9/")
    )
    assert selfie.name == "selfie"
    result = run("selfie", *arguments)
    assert opened == [f"http://127.0.0.1:9/{end}"]
    assert f"http://127.0.0.1:9/{end}" in result.output
    assert ("No browser" in result.output) != opens
