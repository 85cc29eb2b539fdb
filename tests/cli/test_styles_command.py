import json
import re

import pytest


@pytest.mark.usefixtures("shipped")
def test_lists_names_paintings_painters_and_years(run):
    result = run("styles")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "name     painting  painter  year",
        "dots     Dots      Nobody   1900",
        "stripes  Dots      Nobody   1900",
    ]


@pytest.mark.usefixtures("shipped")
def test_one_style_with_its_colours(run, shipped, style_file):
    result = run("styles", "dots")
    assert result.exit_code == 0
    name, caption, *rows = result.stdout.splitlines()
    assert (name, caption) == ("dots", "Nobody, Dots, 1900")
    card = {row.partition(" ")[0]: row.partition(" ")[2].strip() for row in rows}
    assert (card["licence"], card["file"]) == ("public domain", str(style_file))
    assert card["use"] == "artlives photo.jpg --style dots"
    colours = card["colours"].split()
    assert len(set(colours)) == 8
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in colours)
    # In a terminal, on the colour itself.
    shown = run("styles", "dots", color=True, env={"COLORTERM": "truecolor"}).stdout
    red, green, blue = (int(colours[0][i : i + 2], 16) for i in (1, 3, 5))
    assert f"\x1b[48;2;{red};{green};{blue}m{colours[0]}\x1b[0m" in shown
    assert "\x1b[48;5;" in run("styles", "dots", color=True, env={"COLORTERM": ""}).stdout
    assert json.loads(run("styles", "dots", "--json").stdout)[0]["name"] == "dots"
    assert "did you mean 'dots'" in run("styles", "dot").stderr


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


@pytest.mark.usefixtures("shipped")
def test_forgetting_takes_no_name(run):
    result = run("styles", "--forget", "dots")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "leave out the name" in result.stderr


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize(
    ("typed", "names"), [("artlives photo.jpg --style st", ["stripes"]), ("artlives styles d", ["dots"])]
)
def test_names_are_completed_in_a_shell(run, typed, names):
    words = {"COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    result = run(env={"_ARTLIVES_COMPLETE": "bash_complete", **words}, prog_name="artlives")
    assert [line[6:] for line in result.stdout.splitlines() if line.startswith("plain,")] == names
