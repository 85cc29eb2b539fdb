import json
import os
import re
from importlib.resources import files

import pytest

from artlives import styles

pytestmark = pytest.mark.usefixtures("shipped")


def test_writes_the_page(run, tmp_path):
    out = tmp_path / "art"
    result = run("site", out)
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"{out}: 3.4 MB\n", "")
    assert [style["name"] for style in json.loads((out / "styles.json").read_text())["styles"]] == [
        "dots",
        "stripes",
    ]
    # Nothing is left beside it, and a web server of another user may read it.
    assert list(tmp_path.iterdir()) == [out]
    assert out.stat().st_mode & 0o777 == 0o777 & ~current_umask()


def current_umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_all_that_the_page_asks_for_is_there_and_kept(run, tmp_path):
    run("site", tmp_path / "art")
    out = tmp_path / "art"
    here = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    page = (out / "index.html").read_text()
    asked = set(re.findall(r'(?:src|href)="([^"]+)"', page)) - {"./"}
    scripts = [path for path in out.glob("static/*.js")]
    asked |= {
        f"static/{name}" for path in scripts for name in re.findall(r'from "\./([^"]+)"', path.read_text())
    }
    assert asked < here
    kept = json.loads(re.search(r"FILES = (\[.*\]);", (out / "service-worker.js").read_text())[1])
    assert set(kept) == here - {"index.html", "service-worker.js"} | {"./"}


def test_both_painters_have_every_verb_that_the_page_imports(run, tmp_path):
    run("site", tmp_path / "art")
    scripts = [path.read_text() for path in (tmp_path / "art" / "static").glob("*.js")]
    imported = {
        name.strip()
        for text in scripts
        for names in re.findall(r'import \{([^}]*)\} from "\./api\.js"', text)
        for name in names.split(",")
    }
    assert "stylize" in imported
    for folder in ("site", "web"):
        text = (files(f"artlives.{folder}") / "static" / "api.js").read_text()
        exported = set(re.findall(r"export (?:async )?(?:function|class|const) (\w+)", text))
        exported |= set(re.findall(r"export \{ (\w+) \}", text))
        assert imported <= exported, folder


def test_no_address_is_absolute(run, tmp_path):
    """So that the page works in a folder of a host."""
    run("site", tmp_path / "art")
    texts = [
        path.read_text() for path in (tmp_path / "art").rglob("*") if path.suffix in (".html", ".js", ".css")
    ]
    assert len(texts) > 30
    names = {"http://www.w3.org/2000/svg"}
    found = {url for text in texts for url in re.findall(r"""["'`(]((?:/|https?:/)/?[a-z][^"'`)]*)""", text)}
    assert found - names == set()


def test_a_page_that_was_written_before_is_renewed(run, tmp_path):
    out = tmp_path / "art"
    run("site", out)
    before = (out / "service-worker.js").read_bytes()
    (out / "CNAME").write_text("art.example")
    (out / "static" / "core.wasm").write_bytes(b"old")
    assert run("site", out).exit_code == 0
    assert (out / "service-worker.js").read_bytes() == before
    assert (out / "static" / "core.wasm").read_bytes() != b"old"
    assert (out / "CNAME").read_text() == "art.example"
    assert list(tmp_path.iterdir()) == [out]


def test_an_empty_folder_is_filled(run, tmp_path):
    (tmp_path / "art").mkdir()
    assert run("site", tmp_path / "art").exit_code == 0
    assert (tmp_path / "art" / "index.html").is_file()


def test_another_version_has_another_cache(run, tmp_path, monkeypatch):
    run("site", tmp_path / "one")
    monkeypatch.setattr(styles, "shipped", lambda: {"dots": styles.models_folder() / "dots.safetensors"})
    run("site", tmp_path / "other")
    one, other = (
        re.search(r'VERSION = "(\w+)"', (tmp_path / name / "service-worker.js").read_text())[1]
        for name in ("one", "other")
    )
    assert one != other


@pytest.mark.parametrize(
    ("prepare", "status", "message"),
    [
        (lambda out: out.write_bytes(b"mine"), 2, "is a file"),
        (lambda out: (out.mkdir(), (out / "index.html").write_text("mine")), 1, "holds something else"),
        (lambda out: (out.mkdir(), (out / "styles.json").write_text("[]")), 1, "holds something else"),
        (lambda out: out.parent.rmdir(), 1, "there is no folder"),
    ],
)
def test_what_is_there_stays(run, tmp_path, prepare, status, message):
    out = tmp_path / "www" / "art"
    out.parent.mkdir()
    prepare(out)
    before = {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}
    result = run("site", out)
    assert result.exit_code == status
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == (1 if status == 1 else 4)
    assert {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")} == before


def test_nothing_is_left_of_a_page_that_was_not_written(run, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "pathlib.Path.rename", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    result = run("site", tmp_path / "art")
    assert (result.exit_code, result.stderr) == (
        1,
        f"artlives: {tmp_path / 'art'} cannot be written: No space left on device\n",
    )
    assert not list(tmp_path.iterdir())


def test_a_style_that_a_browser_cannot_paint_in_is_named(run, tmp_path, monkeypatch, network, metadata):
    from artlives.architecture import STYLE_NETWORK, activated

    metadata = {**metadata, "layers": activated(STYLE_NETWORK, "swish")}
    path = tmp_path / "soft.safetensors"
    styles.save(path, network.file_weights(), name="soft", **metadata)
    monkeypatch.setattr(styles, "shipped", lambda: {"soft": path})
    result = run("site", tmp_path / "art")
    assert result.exit_code == 1
    assert result.stderr == "artlives: soft: a page without a service has no activation swish\n"
