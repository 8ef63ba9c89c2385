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


def test_targets_alone_have_their_interval(tables):
    gain = {"mean": -0.0496, "interval": [-0.0601, -0.0001]}
    result = {"targets": dict.fromkeys(("argmax", "quarter_shift", "fractional", "least_squares"), gain)}
    lines = tables.targets_alone({"results": {"aside": result, "other": result}}).splitlines()
    assert lines[0] == "| decoder of both | HELEN | other |"
    assert lines[2] == "| argmax | -0.050 (-0.060 to 0.000) | -0.050 (-0.060 to 0.000) |"
    assert len(lines) == 6


def test_errors_by_size_are_those_of_the_first_set(tables):
    table = {"edges": [100.2, 200.0, 400.7], "pixels": {"conventional, argmax": {"mean": [7.855, 10.5]}}}
    summary = {"results": {"aside": {"table2": table}, "afw": {}}}
    assert tables.errors_by_size(summary).splitlines()[::2] == [
        "| px; between the eye corners, px | 100 to 200 | 200 to 401 |",
        "| conventional, argmax | 7.86 | 10.50 |",
    ]


def test_mean_maps_are_those_about_the_truth(tables):
    shapes = {"easy, about the truth": {"height": 0.8, "likeness": 0.99}, "easy, about decoded points": {}}
    found = shapes | {"hard, about the truth": {"height": 0.6, "likeness": 0.95}}
    lines = tables.mean_maps({"figures": {"fractional": found}}).splitlines()
    assert lines[2] == "| fractional | 0.80 (0.990) | 0.60 (0.950) |"


def test_gains_are_those_over_the_conventional_argmax(tables):
    row = {"gain": {"conventional, argmax": {"mean": 0.87}, "conventional, quarter_shift": {"mean": 0.2}}}
    by_size = {"gain": {"fractional, Eq. 4": [{"mean": 1.5}, {"mean": 5.4}]}}
    summary = {"results": {"aside": {"table1": {"fractional, Eq. 4": row}, "table2": by_size}}}
    expected = {"gain_helen": 0.87, "gain_small_px": 1.5, "gain_large_px": 5.4}
    assert {name: tables.FIGURES["shipped", name](summary) for name in expected} == expected


@pytest.mark.parametrize(("exact", "word"), [(True, "yes"), (False, "no")])
def test_starts_say_whether_reading_goes_on_exactly(tables, exact, word):
    way = {"open_seconds": 0.018, "hold_out_seconds": 0.7, "first_batch_seconds": 2.0, "start_seconds": 2.718}
    way |= {"peak_MiB above the imports": 169.4, "state": 175}
    lines = tables.starts(
        {"from the start": way, "resumed": way | {"state": 180}, "resumes exactly": exact}
    ).splitlines()
    assert lines[2] == "| to open the shards, s | 0.02 | 0.02 |"
    assert lines[6] == "| peak of the memory above that of the imports, MiB | 169 | 169 |"
    assert lines[7:] == ["| state of the loader, bytes | 175 | 180 |", f"| the same records |  | {word} |"]
