"""The page of a track: its data, its video, and what a browser makes of it."""

from fractions import Fraction

import numpy as np
import pytest

from fhr_jax.data.io import video
from fhr_jax.errors import InputError
from fhr_jax.markup import FACE7, FACE68, unknown
from fhr_jax.reports import samples, track_report
from fhr_jax.reports.track_data import TrackOfFace
from fhr_jax.reports.track_report import Recorded
from tests import browser
from tests.reports.faces import track_of
from tests.reports.pages import NAME, array, data_of, parsed, text_of

FRAMES = 50
START = 3.0
"""Time of the first frame, as with `track --start`."""


def a_face(seed=0, frames=FRAMES, **changes):
    steady = track_of(frames, seed=seed)
    raw = steady + 0.3 * np.random.default_rng(seed).normal(size=steady.shape)
    raw[20] += 8 * np.random.default_rng(9).normal(size=(68, 2))
    raw[30, 36:48] = np.nan
    confidence = np.full((frames, 68), 0.75)
    return TrackOfFace(START + np.arange(frames) / 25, steady, raw, confidence, f"face {seed}")._replace(**changes)


def a_film(path, frames=FRAMES):
    """Frames whose brightness tells their number."""
    with video.writer(path, size=(240, 320), rate=Fraction(25)) as write:
        for number in range(frames):
            write(np.full((240, 320, 3), 20 + 4 * number, np.uint8), number / 25)


def written(path, *faces, **changes):
    own = Recorded("a", faces or (a_face(),), FACE68, video_start=START)._replace(**changes)
    said = track_report.write(path, own)
    return path.read_text(), said


def test_the_page_holds_the_curves_and_the_figures(tmp_path):
    html, said = written(tmp_path / "report.html")
    data = data_of(html)
    (face,) = data["faces"]
    own = a_face()
    assert np.abs(array(face["steady"]) - own.steady).max() < 0.01
    np.testing.assert_allclose(array(face["raw"]), own.raw, atol=0.01)
    np.testing.assert_allclose(array(face["times"]), own.times)
    assert array(face["confidence"])[30, 40] == 255  # missing
    assert array(face["confidence"])[29, 40] == round(254 * 0.75)
    assert array(face["jitter"]).shape == (FRAMES, 6)
    assert array(face["missing"])[30, 0] == pytest.approx(100 * 12 / 68)
    assert face["shown"] == [36, 27, 48]
    assert data["video"] is None
    text = text_of(html)
    assert said.line in text.replace("\xa0", " ")
    assert "frame 21" in text  # the broken one
    assert "whole face" in text
    assert "Long recording" not in text


def test_a_small_video_is_in_the_page_and_a_large_one_beside_it(tmp_path, monkeypatch):
    a_film(tmp_path / "a b%#?.mp4")
    html, _ = written(tmp_path / "report.html", video=tmp_path / "a b%#?.mp4")
    assert data_of(html)["video"]["kind"] == "video/mp4"
    assert 'src="data:image/jpeg;base64,' in html
    monkeypatch.setattr(track_report, "MAX_EMBEDDED", 1000)
    html, _ = written(tmp_path / "report.html", video=tmp_path / "a b%#?.mp4")
    assert data_of(html)["video"]["file"] == "a%20b%25%23%3F.mp4"
    assert "a b%#?.mp4, which has to stay there" in text_of(html)
    (tmp_path / "c").mkdir()
    html, _ = written(tmp_path / "c" / "report.html", video=tmp_path / "a b%#?.mp4")
    assert data_of(html)["video"]["file"].startswith("/")
    with pytest.raises(InputError, match="no such video file"):
        written(tmp_path / "report.html", video=tmp_path / "missing.mp4")


def test_names_are_escaped(tmp_path):
    html, _ = written(tmp_path / "report.html", a_face(name=NAME), a_face(1, name=NAME), title=NAME, notes=(NAME,))
    parser = parsed(html)
    assert [tag for tag, _ in parser.tags].count("script") == 3
    assert data_of(html)["faces"][0]["name"] == NAME
    assert text_of(html).count(NAME) > 6


def test_long_recordings_are_reduced_and_keep_their_spikes(tmp_path, monkeypatch):
    monkeypatch.setattr(track_report, "BUDGET", 1)
    monkeypatch.setattr(samples, "MIN_SAMPLES", 10)
    own = a_face()
    own.raw[33, 5, 0] = own.steady[33, 5, 0] + 15
    html, _ = written(tmp_path / "report.html", own)
    (face,) = data_of(html)["faces"]
    assert face["step"] == 10
    assert face["frames"] == FRAMES
    raw = array(face["raw"])
    assert raw.shape == (10, 68, 2)
    assert raw[6:8, 5, 0].max() == pytest.approx(own.raw[33, 5, 0], abs=0.02)
    assert "of every 10 frames" in text_of(html)


def test_other_landmarks_and_faces_without_any_landmark(tmp_path):
    seven = TrackOfFace(np.arange(5) / 30, track_of(5)[:, :7])
    html, _ = written(tmp_path / "a.html", seven, markup=FACE7)
    assert data_of(html)["faces"][0]["eyes"] is None
    html, _ = written(tmp_path / "a.html", seven, markup=unknown(7))
    assert data_of(html)["faces"][0]["regions"] == ["whole face"]
    assert data_of(html)["faces"][0]["shown"] == [0, 3, 6]
    for frames in (1, 2, 3):
        empty = TrackOfFace(np.arange(frames) / 30, np.full((frames, 68, 2), np.nan), None, np.zeros((frames, 1)))
        _, said = written(tmp_path / "a.html", empty)
        assert said.line == "Do not use the track as it is. No frame has the face."


def test_frames_have_the_numbers_of_the_recording(tmp_path):
    html, _ = written(tmp_path / "a.html", a_face(number=np.arange(101, 101 + FRAMES)))
    assert "frame 121" in text_of(html)  # the broken one
    assert array(data_of(html)["faces"][0]["numbers"])[[0, -1]].tolist() == [101, 150]


def test_missing_frames_of_a_long_gap_are_in_the_figures(tmp_path):
    own = a_face()
    html, _ = written(tmp_path / "a.html", own._replace(left_out=FRAMES))
    share = (100 * FRAMES + 100 * 12 / 68) / (2 * FRAMES)
    assert f"{share:.2f} %" in text_of(html).replace("\xa0", " ")


def test_many_faces_are_limited(tmp_path):
    faces = [TrackOfFace(np.arange(4) / 30, track_of(4), name=f"face {i}") for i in range(26)]
    faces[3].steady[1:] = np.nan
    faces[7].steady[1:] = np.nan
    html, _ = written(tmp_path / "a.html", *faces)
    assert [own["name"] for own in data_of(html)["faces"]] == [f"face {i}" for i in range(26) if i not in (3, 7)]
    assert "the 24 faces with the most frames of 26" in text_of(html)


@pytest.fixture(scope="module")
def tab():
    if (reason := browser.missing()) is not None:
        pytest.skip(reason)
    with browser.browser() as own:
        yield own


STEADY = "plots[0].series.map((one) => one.label).filter(Boolean).join()"


def opened(tab, path):
    tab.open(path)
    tab.until("document.readyState === 'complete' && plots.length")


def drag(tab, plot, *shares):
    """Press on a plot at a share of its width, and move on to others."""
    tab.run(
        """const over = plots[arguments[0]].own.over, box = over.getBoundingClientRect();
        over.setPointerCapture = () => {};
        const at = (type, share) => over.dispatchEvent(new PointerEvent(type, {
          bubbles: true, button: 0, pointerId: 1, clientX: box.left + share * box.width, clientY: box.top + 5 }));
        at("pointerdown", arguments[1][0]);
        for (const share of arguments[1].slice(1)) at("pointermove", share);
        at("pointerup", arguments[1].at(-1));""",
        plot,
        shares,
    )


def test_the_cursor_and_the_video_move_each_other(tab, tmp_path):
    a_film(tmp_path / "a.mp4")
    written(tmp_path / "report.html", video=tmp_path / "a.mp4", title=NAME)
    opened(tab, tmp_path / "report.html")
    tab.until("film && video.readyState >= 2 && !video.seeking")
    drag(tab, 0, 0.2, 0.5, 0.801)
    tab.until("!video.seeking && Math.abs(video.currentTime - 39 / 25) < 0.01")
    assert tab.run("return now") == pytest.approx(START + 39 / 25)
    tab.run("video.currentTime = 0.52")
    tab.until(f"Math.abs(now - {START + 0.52}) < 0.001")
    assert "frame 14 of 50" in tab.run("return find('clock').textContent")
    left = tab.run("const m = plots[1].playhead.style.transform; return parseFloat(m.slice(11))")
    assert left == pytest.approx(tab.run(f"return plots[1].own.valToPos({START + 0.52}, 'x')"), abs=0.5)
    # The picture is that of the frame: brightness 20 + 4 * 13.
    shown = tab.run(
        """const canvas = document.createElement("canvas"); canvas.width = canvas.height = 4;
        const context = canvas.getContext("2d"); context.drawImage(video, 0, 0, 4, 4);
        return context.getImageData(1, 1, 1, 1).data[0]"""
    )
    assert shown == pytest.approx(72, abs=3)
    tab.run("document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true}))")
    tab.until("!video.seeking && Math.abs(video.currentTime - 14 / 25) < 0.01")
    tab.run("document.querySelector('button.card').click()")
    tab.until(
        f"!video.seeking && Math.abs(video.currentTime - 20 / 25) < 0.01 && Math.abs(now - {START + 0.8}) < 0.001"
    )
    tab.run("go(ends()[0]); play()")
    tab.until(f"!playing && now > {START + 1.8}", seconds=30)
    assert tab.problems() == []


def test_choosing_landmarks_changes_the_curves(tab, tmp_path):
    written(tmp_path / "report.html")
    opened(tab, tmp_path / "report.html")
    assert tab.run(f"return {STEADY}") == "36,27,48"
    tab.run(
        """const svg = find("diagram").firstChild, box = face.circles[8].getBoundingClientRect();
        svg.dispatchEvent(new MouseEvent("click", { clientX: box.left + box.width / 2, clientY: box.top + 2 }))"""
    )
    assert tab.run(f"return {STEADY}") == "36,27,48,8"
    own = a_face()
    shown = tab.run("return plots[0].series.at(-1).values")
    np.testing.assert_allclose(shown, own.steady[:, 8, 0], atol=0.01)
    assert tab.run("return find('numbers').querySelector('[data-point=\"8\"]').getAttribute('aria-pressed')") == "true"
    tab.run("document.querySelector('#regions button:nth-child(4)').click()")
    tab.run("find('numbers').querySelector('[data-point=\"36\"]').click()")
    assert tab.run(f"return {STEADY}") == "27,48,8"
    # Without a video the landmarks are drawn, and play.
    assert tab.run("return marks.width > 100 && !film")
    tab.run("play()")
    tab.until(f"now > {START + 0.2}")
    assert tab.problems() == []


def test_faces_zoom_phones_and_dark_mode(tab, tmp_path):
    written(tmp_path / "report.html", a_face(name=NAME), a_face(1, frames=36, number=np.arange(21, 57)), unit="units")
    opened(tab, tmp_path / "report.html")
    tab.run("find('face').value = '1'; find('face').onchange({target: find('face')})")
    assert tab.run("return [face.frames, plots[0].own.data[0].length]") == [36, 36]
    assert tab.run("return find('face').options[0].textContent") == NAME
    tab.run("go(ends()[0] + 10 / 25)")
    assert "frame 31 of 21 to 56" in tab.run("return find('clock').textContent")
    assert "units to the right" in tab.run("return plots[0].frame.textContent")
    tab.run("find('closer').click()")
    assert tab.run("return range[1] - range[0]") == pytest.approx(35 / 25 / 2)
    tab.run("find('all').click()")
    light = tab.run("return plots[0].series[1].colour")
    for width in (360, 390):
        tab.show_as(width=width, height=740, dark=True, phone=True)
        tab.until(f"innerWidth === {width} && plots[0].own.width < {width}")
        assert tab.run("return document.documentElement.scrollWidth") == width
    assert tab.run("return plots[0].series[1].colour") != light
    tab.show_as(width=1200, height=800)
    assert tab.problems() == []


def test_a_video_that_cannot_be_played(tab, tmp_path, monkeypatch):
    monkeypatch.setattr(track_report, "MAX_EMBEDDED", 10)
    path = tmp_path / NAME.replace("/", "")
    a_film(tmp_path / "a.mp4")
    (tmp_path / "a.mp4").rename(path)
    written(tmp_path / "report.html", video=path)
    opened(tab, tmp_path / "report.html")
    tab.until("film && video.readyState >= 2")  # beside the page, under its odd name
    path.unlink()
    opened(tab, tmp_path / "report.html")
    tab.until("!film && !find('novideo').hidden")
    assert "The landmarks are drawn instead" in tab.run("return find('novideo').textContent")
    drag(tab, 0, 0.5)
    assert tab.run("return now") == pytest.approx(START + 25 / 25, abs=0.05)
    assert all("ERR_FILE_NOT_FOUND" in problem for problem in tab.problems())
