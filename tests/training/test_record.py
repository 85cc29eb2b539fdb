import numpy as np
from PIL import Image

from artlives.images import Photo
from artlives.training.record import TILE, Record


def test_pictures_and_losses_are_drawn(tmp_path):
    record = Record(tmp_path)
    for step in (1, 20, 300):
        record.add({"step": step, "style": 2 / step, "content": 0.5, "steadiness": 30.0})
        record.add_preview(step, Photo(np.full((50, 80, 3), step % 256, np.uint8)))
    assert list(record.previews()) == [1, 20, 300]
    record.draw_previews()
    record.draw_losses()
    with Image.open(record.sheet) as sheet:
        assert sheet.width > 3 * TILE
    with Image.open(record.plot) as plot:
        assert plot.format == "PNG"
        assert len(plot.convert("RGB").getcolors(1 << 20)) > 10
    assert Record(tmp_path).entries()[1] == {"step": 20, "style": 0.1, "content": 0.5, "steadiness": 30.0}


def test_a_line_cut_short_is_forgotten(tmp_path):
    record = Record(tmp_path)
    record.add({"step": 10})
    with record.log.open("a") as file:
        file.write('{"step": 2')
    record.forget_after(10)
    assert record.log.read_text() == '{"step": 10}\n'


def test_an_empty_record(tmp_path):
    record = Record(tmp_path)
    assert (record.entries(), record.previews()) == ([], {})
