#!/usr/bin/env python3
"""Binds `hypot` and `hypotf` of a binary to their versions before glibc 2.35, and fails where it needs anything else newer than MAX.

    scripts/lambda-glibc.py BINARY MAX

glibc 2.35 gave both a second version, without the wrapper that handles errors as System V did; results are the same. The linker takes the
newest version that the building machine has, and every glibc still has the first. So it is enough to name that one where the binary says
what it needs (`.gnu.version_r`).
"""

import struct
import sys

OLD_ENOUGH = {"hypot", "hypotf"}
# The first version of glibc for each processor: e_machine, then the version.
FIRST = {62: "GLIBC_2.2.5", 183: "GLIBC_2.17"}
DYNSYM, VERNEED, VERSYM = 11, 0x6FFFFFFE, 0x6FFFFFFF


class Binary:
    def __init__(self, path):
        self.path = path
        self.bytes = bytearray(open(path, "rb").read())
        if self.bytes[:6] != b"\x7fELF\x02\x01":
            sys.exit(f"{path} is no binary of 64 bits")
        (self.machine,) = struct.unpack_from("<H", self.bytes, 18)
        (offset,) = struct.unpack_from("<Q", self.bytes, 40)
        size, count = struct.unpack_from("<HH", self.bytes, 58)
        self.sections = [struct.unpack_from("<IIQQQQIIQQ", self.bytes, offset + n * size) for n in range(count)]

    def section(self, kind):
        return next((found for found in self.sections if found[1] == kind), None)

    def text(self, table, offset):
        start = self.sections[table][4] + offset
        return self.bytes[start:self.bytes.index(0, start)].decode()

    def offset_of(self, table, text):
        start, size = self.sections[table][4:6]
        found = self.bytes.find(b"\0" + text.encode() + b"\0", start, start + size)
        return None if found < 0 else found + 1 - start

    def needs(self):
        """Each version that is needed: where that is said, of which file, its name, its number."""
        section = self.section(VERNEED)
        place = section[4] if section else None
        while place is not None:
            _, _, file, aux, following = struct.unpack_from("<HHIII", self.bytes, place)
            at = place + aux
            while True:
                _, _, number, name, more = struct.unpack_from("<IHHII", self.bytes, at)
                yield at, self.text(section[6], file), self.text(section[6], name), number
                if not more:
                    break
                at += more
            place = place + following if following else None

    def symbols(self, number):
        """The symbols that are bound to that version."""
        dynsym, versym = self.section(DYNSYM), self.section(VERSYM)
        for n in range(dynsym[5] // 24):
            if struct.unpack_from("<H", self.bytes, versym[4] + 2 * n)[0] & 0x7FFF == number:
                yield self.text(dynsym[6], struct.unpack_from("<I", self.bytes, dynsym[4] + 24 * n)[0])


def hashed(name):
    """As the ELF specification has it."""
    value = 0
    for byte in name.encode():
        value = (value << 4) + byte
        high = value & 0xF0000000
        value = (value ^ high >> 24) & ~high & 0xFFFFFFFF
    return value


def number_of(version):
    return tuple(int(part) for part in version.removeprefix("GLIBC_").split("."))


def main():
    path, most = sys.argv[1:]
    binary = Binary(path)
    first = FIRST.get(binary.machine)
    wrong = []
    for at, file, version, number in binary.needs():
        if not version.startswith("GLIBC_2") or number_of(version) <= number_of(most):
            continue
        symbols = set(binary.symbols(number))
        name = first and binary.offset_of(binary.section(VERNEED)[6], first)
        if file != "libm.so.6" or not symbols <= OLD_ENOUGH or name is None:
            wrong.append(f"  {version} of {file}: {', '.join(sorted(symbols))}")
            continue
        struct.pack_into("<I", binary.bytes, at, hashed(first))
        struct.pack_into("<I", binary.bytes, at + 8, name)
    if wrong:
        sys.exit("\n".join([
            f"provided.al2023 has glibc {most}, and it needs:", *wrong,
            f"Build on Amazon Linux 2023, or with cargo-zigbuild for x86_64-unknown-linux-gnu.{most}, or for x86_64-unknown-linux-musl.",
        ]))
    with open(path, "wb") as file:
        file.write(binary.bytes)


main()
