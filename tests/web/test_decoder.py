"""Pictures from others: decoded in processes of their own, within limits; and those that cost more."""

import asyncio
import io
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

import artlives
from artlives import images
from artlives.web import decoder as decoders
from artlives.web.decoder import Decoder, Worker
from artlives.web.problems import Problem
from tests.web.bombs import BOMBS, SHORT, gif_comments, scans
from tests.web.connection import picture_bytes, run

PATIENCE = 30  # seconds
# As much processor time as a picture may want.
ENDLESS = replace(SHORT, header_seconds=1e4, seconds=1e5)
SENTENCE = "The file takes too much time or memory to read: save it anew as JPEG or PNG first."

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere address space has no limit")
on_posix = pytest.mark.skipif(sys.platform == "win32", reason="the deadline is the only limit on Windows")


def decoded(decoder, data, size=4096, max_pixels=50_000_000):
    return run(decoder.decode(data, size, max_pixels))


def refused(decoder, data, **options):
    """The status and the sentence that a picture is refused with."""
    with pytest.raises(Problem) as problem:
        decoded(decoder, data, **options)
    return problem.value.status_code, problem.value.detail


@pytest.fixture(scope="module")
def decoder():
    decoder = Decoder(SHORT)
    with decoder.open():
        yield decoder


def cut_out(pixels):
    image = Image.fromarray(pixels)
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return image


def test_a_picture_is_what_it_is_in_this_process(decoder, pixels):
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x013B] = "Nobody"
    for data in (
        picture_bytes(Image.fromarray(pixels), "JPEG", exif=exif),
        picture_bytes(cut_out(pixels), "PNG", icc_profile=b"damaged"),
    ):
        for size in (4096, 30):
            expected = images.fit(images.load(io.BytesIO(data), "the file"), size)
            photo = decoded(decoder, data, size)
            assert np.array_equal(photo.pixels, expected.pixels)
            assert photo.pixels.flags.writeable
            assert (photo.alpha is None) == (expected.alpha is None)
            assert photo.alpha is None or np.array_equal(photo.alpha, expected.alpha)
            others = ("format", "metadata", "notes")
            assert [getattr(photo, name) for name in others] == [getattr(expected, name) for name in others]


@pytest.mark.parametrize(
    ("data", "status", "sentence"),
    [
        (b"", 415, "The file is empty."),
        (b"words", 415, "The file is not a picture, or is damaged: give a JPEG"),
        ("cut", 422, "The file is damaged or cut short"),
        ("large", 413, "The picture has more than 1 million pixels: make it smaller first."),
    ],
)
def test_what_is_no_picture_is_refused_with_a_sentence(decoder, pixels, data, status, sentence):
    jpeg = picture_bytes(Image.fromarray(pixels), "JPEG")
    large = picture_bytes(Image.new("1", (2000, 1000)), "PNG")
    data = {"cut": jpeg[: len(jpeg) // 2], "large": large}.get(data, data)
    code, detail = refused(decoder, data, max_pixels=1_000_000)
    assert (code, detail[: len(sentence)]) == (status, sentence)


@on_posix
@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: bomb.__name__)
def test_what_takes_too_much_is_refused_and_the_next_picture_is_read(decoder, bomb, pixels):
    assert refused(decoder, bomb()) == (422, SENTENCE)
    assert decoded(decoder, picture_bytes(Image.fromarray(pixels), "PNG")).pixels.shape == pixels.shape


@on_linux
def test_memory_is_limited_where_time_is_not(pixels):
    decoder = Decoder(replace(ENDLESS, memory=60_000_000), PATIENCE)
    with decoder.open():
        assert refused(decoder, gif_comments()) == (422, SENTENCE)
        # Pixels have their own share.
        for format in ("PNG", "WEBP"):
            data = picture_bytes(Image.new("RGB", (4500, 4500)), format)
            assert decoded(decoder, data, 4500).pixels.shape == (4500, 4500, 3)
            # Nothing is left of it that the next picture would pay for.
            small = picture_bytes(Image.fromarray(pixels), format)
            assert decoded(decoder, small).pixels.shape == pixels.shape


def test_the_deadline_holds_without_other_limits(pixels):
    decoder = Decoder(ENDLESS, 0.2)
    with decoder.open():
        assert refused(decoder, scans()) == (422, SENTENCE)
        decoder.deadline = PATIENCE
        assert decoded(decoder, picture_bytes(Image.fromarray(pixels), "PNG")).pixels.shape == pixels.shape


def test_others_are_served_meanwhile_and_nothing_is_left_at_the_end(pixels):
    png = picture_bytes(Image.fromarray(pixels), "PNG")
    decoder = Decoder(ENDLESS, PATIENCE)

    async def both():
        with decoder.open():
            await decoder.decode(png, 4096, 50_000_000)
            slow = asyncio.create_task(decoder.decode(endless(), 4096, 50_000_000))
            for _ in range(3):
                photo = await decoder.decode(png, 4096, 50_000_000)
                assert photo.pixels.shape == pixels.shape
            assert not slow.done()
            while not all(worker.is_ready for worker in decoder._workers):
                await asyncio.sleep(0.01)
            workers = [worker.process for worker in decoder._workers]
        with pytest.raises(RuntimeError, match="any more"):
            await slow
        return workers

    workers = run(both())
    assert len(workers) == 2
    assert all(process.returncode is not None for process in workers)


def test_it_ends_while_a_process_starts(monkeypatch):
    starting, go = threading.Event(), threading.Event()

    def late():
        starting.set()
        assert go.wait(PATIENCE)
        return Worker()

    async def end():
        decoder = Decoder(ENDLESS, 2 * PATIENCE)
        with decoder.open():
            monkeypatch.setattr(decoders, "Worker", late)
            tasks = [asyncio.create_task(decoder.decode(endless(), 4096, 50_000_000)) for _ in range(2)]
            while not starting.is_set():
                await asyncio.sleep(0.01)
            # When `open` ends those that it knows.
            threading.Timer(0.2, go.set).start()
        await asyncio.wait(tasks)
        assert all(isinstance(task.exception(), RuntimeError) for task in tasks)

    thread = threading.Thread(target=run, args=(end(),))
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def endless():
    """A picture that is not decoded before a test is over."""
    jpeg = scans()
    return jpeg[:-2] + jpeg[jpeg.rindex(b"\xff\xda") : -2] * 100_000


def test_a_process_that_ended_by_itself_is_replaced(pixels):
    png = picture_bytes(Image.fromarray(pixels), "PNG")
    decoder = Decoder()
    with decoder.open():
        for _ in range(2):
            assert decoded(decoder, png).pixels.shape == pixels.shape
            (worker,) = decoder._workers
            worker.process.kill()
            worker.process.wait()


def test_a_process_that_does_not_start_is_no_fault_of_the_picture(pixels, monkeypatch, capfd):
    monkeypatch.setattr(sys, "path", [])
    decoder = Decoder()
    with decoder.open(), pytest.raises(RuntimeError, match="does not start"):
        decoded(decoder, picture_bytes(Image.fromarray(pixels), "PNG"))
    assert "ModuleNotFoundError" in capfd.readouterr().err


def test_an_error_of_ours_is_no_fault_of_the_picture(pixels, capfd):
    decoder = Decoder()
    with decoder.open():
        with pytest.raises(RuntimeError, match="traceback"):
            decoded(decoder, "no bytes")
        assert "TypeError" in capfd.readouterr().err
        assert decoded(decoder, picture_bytes(Image.fromarray(pixels), "PNG")).pixels.shape == pixels.shape


# A service that dies while a picture is decoded.
DYING = """
import asyncio, os, pickle, sys
from artlives.web.decoder import Decoder

async def run():
    decoder = Decoder(pickle.load(sys.stdin.buffer))
    with decoder.open():
        tasks = [asyncio.create_task(decoder.decode(data, 99, 10**9)) for data in pickle.load(sys.stdin.buffer)]
        while len(decoder._workers) < 2:
            await asyncio.sleep(0.01)
        print(*(worker.process.pid for worker in decoder._workers), flush=True)
        await asyncio.sleep(60)

asyncio.run(run())
"""


def lives(number):
    try:
        return psutil.Process(number).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@on_posix
def test_no_process_outlives_the_service(pixels):
    root = str(Path(artlives.__file__).parent.parent)
    service = subprocess.Popen(
        [sys.executable, "-c", DYING],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": root},
    )
    with service:
        # One is idle then; the other is in the middle of a picture, which its own limit ends.
        png = picture_bytes(Image.fromarray(pixels), "PNG")
        limits = replace(ENDLESS, header_seconds=1.0, seconds=1.0)
        service.stdin.write(pickle.dumps(limits) + pickle.dumps([png, endless()]))
        service.stdin.flush()
        workers = [int(number) for number in service.stdout.readline().split()]
        assert all(map(lives, workers))
        service.send_signal(signal.SIGKILL)
    end = time.monotonic() + PATIENCE
    while any(map(lives, workers)):
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_process_imports_pillow_and_numpy_alone():
    code = (
        "import sys; from artlives.web import decoding; decoding.serve();"
        "print(*sorted({name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names), file=sys.stderr)"
    )
    root = str(Path(artlives.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path += {sys.path!r}; {code}"],
        env={**os.environ, "PYTHONPATH": root},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    found = set(done.stderr.split()) - {"__main__", "_distutils_hack", "defusedxml", "olefile"}
    assert {name for name in found if not name.startswith("_")} == {"PIL", "artlives", "numpy", "psutil"}
