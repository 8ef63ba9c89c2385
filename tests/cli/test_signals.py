"""Signals that ask a command to stop set a flag within the block, and act as before after it."""

import os
import signal
import threading

import pytest

from fhr_jax.cli import signals


@pytest.fixture
def received():
    """Numbers of the signals that reach the handlers outside of the block."""
    numbers = []
    before = {n: signal.signal(n, lambda number, _: numbers.append(number)) for n in (signal.SIGINT, signal.SIGTERM)}
    yield numbers
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_sets_the_flag_only_within_the_block(received, number):
    with signals.catch_signals() as request:
        assert not request()
        os.kill(os.getpid(), number)
        assert request()
        assert request.number == number
    assert received == []
    os.kill(os.getpid(), number)
    assert received == [number]


def test_a_second_interrupt_stops_at_once_and_the_handlers_come_back(received):
    with signals.catch_signals() as request:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)  # a cluster may repeat it; the work is still saved
        assert request.number == signal.SIGTERM
    with pytest.raises(KeyboardInterrupt), signals.catch_signals():
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGINT)
    assert received == [signal.SIGINT]


def test_the_handlers_come_back_after_an_error(received):
    with pytest.raises(RuntimeError), signals.catch_signals():
        raise RuntimeError
    os.kill(os.getpid(), signal.SIGTERM)
    assert received == [signal.SIGTERM]


def test_in_another_thread_the_block_runs_and_no_signal_is_caught(received):
    requests = []

    def run():
        with signals.catch_signals() as request:
            requests.append(request)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert [request() for request in requests] == [False]
    os.kill(os.getpid(), signal.SIGTERM)
    assert received == [signal.SIGTERM]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (0, 143)])
def test_the_exit_code_is_that_of_a_shell(number, code):
    """Without a number another host received the signal: the same code as there, that of SIGTERM."""
    stopped = signals.Stopped("stopped at step 3", number)
    assert (str(stopped), stopped.code) == ("stopped at step 3", code)
