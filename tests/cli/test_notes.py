"""Notes about files: one line for each sentence, in the order in which they came."""

from pathlib import Path

from fhr_jax.cli import notes


def test_files_with_the_same_note_share_a_line(capsys):
    a, b, c = (Path(name) for name in "abc")
    notes.say([(b, "percent"), (a, "zeros"), (a, "percent"), (c, "percent"), (b, "percent")])
    assert capsys.readouterr().out == "b and 2 more: percent\na: zeros\n"


def test_a_note_that_comes_twice_for_a_file_is_printed_once(capsys):
    notes.say([(Path("a"), "zeros"), (Path("a"), "zeros")])
    assert capsys.readouterr().out == "a: zeros\n"
    notes.say([])
    assert capsys.readouterr().out == ""
