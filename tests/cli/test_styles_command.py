import json

import pytest


@pytest.mark.usefixtures("shipped")
def test_lists_names_paintings_painters_and_years(run):
    result = run("styles")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == ["dots     Dots  Nobody  1900", "stripes  Dots  Nobody  1900"]


@pytest.mark.usefixtures("shipped")
def test_json(run):
    dots, stripes = json.loads(run("styles", "--json").stdout)
    assert (dots["name"], stripes["name"]) == ("dots", "stripes")
    assert dots == {
        "name": "dots",
        "painting": "Dots",
        "painter": "Nobody",
        "year": "1900",
        "licence": "public domain",
        "training": {"steps": 0},
        "measured": {},
    }


def test_a_damaged_model_is_one_line(run, tmp_path, monkeypatch):
    monkeypatch.setattr("artlives.styles.models_folder", lambda: tmp_path)
    (tmp_path / "bad.safetensors").write_bytes(b"rubbish")
    result = run("styles")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"artlives: {tmp_path / 'bad.safetensors'} is not a safetensors file")


def test_no_styles_at_all(run, tmp_path, monkeypatch):
    monkeypatch.setattr("artlives.styles.models_folder", lambda: tmp_path)
    assert (run("styles").exit_code, run("styles").stdout, run("styles", "--json").stdout) == (0, "", "[]\n")
