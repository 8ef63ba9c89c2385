"""Tables that `write_results.py` makes of summaries, on small summaries with known figures."""

import pytest

from tests.experiments.test_experiments import FOLDER, load


@pytest.fixture(scope="module")
def tables():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)
        yield load("result_tables")


def _decoder(rms, failures=0.0):
    return {"bias": 0.0, "deviation": rms, "rms": rms, "failures": failures}


def test_decoders_have_a_bound_only_where_there_is_noise(tables):
    sweep = {"0": {"argmax": _decoder(0.3216)}, "0.1": {"argmax": _decoder(0.411, 0.036), "bound": _decoder(0.08)}}
    assert tables.decoders_by_noise({"sweeps": {"additive": sweep}}).splitlines()[2:] == [
        "| argmax | 0.322 | 0.411 (4 %) |",
        "| bound |  | 0.080 |",
    ]


def test_decoders_by_kind_leave_out_those_that_read_no_fraction(tables):
    sweeps = {name: {} for name in ("sigma", "smooth", "multiplicative", "mismatch", "saturated", "two peaks")}
    for name, values in {"sigma": ("0.5", "1", "3"), "mismatch": ("0.8", "1.25"), "saturated": ("0.8",)}.items():
        sweeps[name] = {value: {"argmax": _decoder(0.9), "dark": _decoder(float(value) / 100)} for value in values}
    for name, value in {"smooth": "0.05", "multiplicative": "0.1", "two peaks": "3"}.items():
        sweeps[name] = {value: {"argmax": _decoder(0.9), "dark": _decoder(0.5, 0.26)}}
    rows = tables.decoders_by_kind({"sweeps": sweeps}).splitlines()[2:]
    cells = ("0.005", "0.010", "0.030", "0.500 (26 %)", "0.500 (26 %)", "0.008", "0.013", "0.008", "0.500 (26 %)")
    assert rows == [f"| dark | {' | '.join(cells)} |"]


def test_frame_rates_have_no_negative_zero(tables):
    scores = {"raw": {"12.0": {"rms": 1.0, "delay": -0.04}, "25.0": {"rms": 0.5, "delay": -1.6}}}
    assert tables.frame_rates({"scores": scores}).splitlines() == [
        "| rms, px (delay, ms) | 12 fps | 25 fps |",
        "|---|---|---|",
        "| raw | 1.00 (0) | 0.50 (-2) |",
    ]
