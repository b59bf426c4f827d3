"""A clock for one program, which a test sets: libfaketime moves its wall clock, and leaves the monotonic one alone unless told otherwise."""

import pathlib
import platform as machine

import libfaketime
import pytest

LIBRARY = pathlib.Path(libfaketime.__file__).parent / "vendor/libfaketime/src/libfaketime.so.1"

NEEDS_FAKETIME = pytest.mark.skipif(
    machine.machine() != "x86_64" or not LIBRARY.exists(), reason=f"{LIBRARY} (package libfaketime) is not there for this machine"
)


class Clock:
    def __init__(self, path, all_clocks=False):
        self.path, self.all_clocks = path, all_clocks
        self.jump("+0")

    def jump(self, offset):
        """To so much before or after the true time, such as `-10m`."""
        self.path.write_text(offset + "\n")

    def surroundings(self):
        return {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self.path),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "0" if self.all_clocks else "1",
        }
