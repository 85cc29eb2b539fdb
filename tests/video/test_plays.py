"""What is painted plays in a browser, and a film of any length takes no more memory than a short one."""

import gc

import numpy as np
import psutil
import pytest

from artlives.video import paint
from tests.video.conftest import scene, write_clip

# Plays a film at four times its speed, notes how wide it is, how long, and the colour in its middle at the end.
PLAY = """
async () => {
  const film = document.querySelector("video");
  film.muted = true;
  film.playbackRate = 4;
  const ended = new Promise((done, fail) => { film.onended = done; film.onerror = () => fail(film.error.message); });
  await film.play();
  await ended;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [film.videoWidth, film.videoHeight];
  const context = canvas.getContext("2d");
  context.drawImage(film, 0, 0);
  const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
  const middle = 4 * (canvas.width * 8 + canvas.width - 8);
  return [film.videoWidth, film.videoHeight, film.duration, [...data.slice(middle, middle + 3)]];
}
"""


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["mp4", "webm"])
@pytest.mark.parametrize("full", [False, True])
def test_a_painted_video_plays_in_chromium(browser, tmp_path, quick, suffix, full):
    context = {"colorspace": 6, "color_range": 2 if full else 1}
    clip = write_clip(tmp_path / "clip.mp4", [scene(i) for i in range(50)], sound="aac", context=context)
    # At a strength of 0, colours can be compared.
    paint(clip, tmp_path / f"painted.{suffix}", quick.variant(strength=0.0))
    (tmp_path / "page.html").write_text(f'<video src="painted.{suffix}"></video>')
    page = browser.new_page()
    page.goto((tmp_path / "page.html").as_uri())
    width, height, duration, color = page.evaluate(PLAY)
    page.close()
    assert (width, height) == (64, 48)
    assert abs(duration - 2) < 0.05
    assert np.abs(np.array(color) - scene(49)[8, 56].astype(int)).max() < 12


@pytest.mark.slow
def test_a_long_film_takes_no_more_memory(tmp_path, quick):
    clip = write_clip(tmp_path / "clip.mp4", [scene(i) for i in range(3000)], sound="aac")
    process, used = psutil.Process(), {}

    def report(frame, done, total):
        if done in (600, 3000):
            gc.collect()
            used[done] = process.memory_info().rss

    paint(clip, tmp_path / "painted.mp4", quick.variant(one_pass=True), report=report)
    # 2,400 frames of 9 kB would be 22 MB, and as much for each stage that kept them.
    assert used[3000] - used[600] < 12 << 20
