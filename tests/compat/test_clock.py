"""The server on a clock that jumps: libfaketime moves its wall clock and leaves the monotonic one alone.

The jumps stay below the 15 minutes by which a signature may be off, since the clients keep the true time.
"""

import pytest
from clock import NEEDS_FAKETIME, Clock
from conftest import Server
from test_delivery import CONFIG, send, wait_for
from watching import until

pytestmark = NEEDS_FAKETIME


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path / "clock")


@pytest.fixture
def jumping(tmp_path, clock):
    config = tmp_path / "shukuba.toml"
    config.write_text(CONFIG.format())
    running = Server(tmp_path, config, clock.surroundings())
    yield running
    running.stop()


def wait_for_log(server, words):
    until(f"`{words}` in the log", lambda: words in (server.directory / "serve.log").read_text())


def test_jumps_lose_nothing_and_delay_nothing(jumping, clock, sink):
    lines = lambda name: [f"url:{sink.url}/flaky?p=0.3&times=1&n={n}\tid:{name}{n}" for n in range(20)]
    send(jumping, lines("a"))
    clock.jump("+10m")
    wait_for_log(jumping, "the clock jumped")
    send(jumping, lines("b"))
    wait_for(jumping, delivered=40)
    clock.jump("-10m")
    send(jumping, lines("c"))
    wait_for(jumping, delivered=60)
    wait_for_log(jumping, "the clock was set back")
    # Killed in the past and started there: what waits in the journal bears times of the future.
    send(jumping, lines("d"))
    jumping.kill()
    jumping.start()
    send(jumping, lines("e"))
    found = wait_for(jumping, delivered=100)
    assert (found["total"]["accepted"], found["total"]["dead"]) == (100, 0)
