#!/usr/bin/env python3
"""Makes the font that pictures of metrics are written with: crates/cloudwatch/src/picture/font/sans-jp.otf.zst.

It is Noto Sans CJK JP Regular (SIL Open Font License 1.1) from Debian's package fonts-noto-cjk, cut to Latin letters,
punctuation, kana, full-width forms and the kanji of JIS levels 1 and 2, without layout features other than kerning.

    python3 -m venv v && v/bin/pip install fonttools
    apt-get download fonts-noto-cjk && dpkg-deb -x fonts-noto-cjk_*.deb noto
    v/bin/python scripts/picture-font.py noto/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc
"""

import pathlib
import subprocess
import sys

from fontTools import subset
from fontTools.ttLib import TTCollection

OUT = pathlib.Path(__file__).parent.parent / "crates/cloudwatch/src/picture/font"
FAMILY = "Noto Sans CJK JP"


def letters():
    """Code points of JIS X 0208 (all of it), and blocks that names and units are written with."""
    jis = set()
    for row in range(0x21, 0x75):
        for cell in range(0x21, 0x7F):
            try:
                jis.add(ord(bytes([row | 0x80, cell | 0x80]).decode("euc_jp")))
            except UnicodeDecodeError:
                pass
    blocks = [(0x20, 0x7F), (0xA0, 0x180), (0x2010, 0x2040), (0x20A0, 0x20C0), (0x2190, 0x219A), (0x2212, 0x2213),
              (0x2264, 0x2266), (0x25A0, 0x2600), (0x3000, 0x3100), (0xFF01, 0xFFA0), (0x2713, 0x2718), (0xFFFD, 0xFFFE)]
    return jis.union(*(range(first, end) for first, end in blocks))


def regular(collection):
    return next(font for font in collection.fonts if font["name"].getDebugName(1) == FAMILY)


def main():
    font = regular(TTCollection(sys.argv[1]))
    options = subset.Options(
        layout_features=["kern"], hinting=False, desubroutinize=False, notdef_outline=True, name_IDs=[0, 1, 2, 3, 4, 5, 6, 13, 14],
        name_languages=[0x409], drop_tables=["vhea", "vmtx", "VORG", "DSIG", "BASE", "GSUB"],
    )
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=letters())
    cutter.subset(font)
    path = OUT / "sans-jp.otf"
    font.save(path)
    subprocess.run(["zstd", "--ultra", "-22", "--rm", "-f", "-q", str(path)], check=True)


main()
