"""The server on a clock that jumps: libfaketime moves its wall clock and leaves the monotonic one alone.

The jumps stay below the 15 minutes by which a signature may be off, since the clients keep the true time.
"""

import pathlib
import platform as machine

import libfaketime
import pytest
from conftest import Server
from test_delivery import CONFIG, send, wait_for
from watching import until

LIBRARY = pathlib.Path(libfaketime.__file__).parent / "vendor/libfaketime/src/libfaketime.so.1"

pytestmark = pytest.mark.skipif(
    machine.machine() != "x86_64" or not LIBRARY.exists(), reason=f"{LIBRARY} (package libfaketime) is not there for this machine"
)


class Clock:
    def __init__(self, path):
        self.path = path
        self.jump("+0")

    def jump(self, offset):
        self.path.write_text(offset + "\n")

    def surroundings(self):
        return {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self.path),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }


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
