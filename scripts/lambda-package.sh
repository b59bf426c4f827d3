#!/usr/bin/env bash
# Zips a binary as a package for `provided.al2023`: one file, `bootstrap`, mode 755, the same bytes for the same binary.
#   scripts/lambda-package.sh BIN OUT.zip
# Fails, and says what is in the way, where the binary wants a newer glibc than Amazon Linux 2023 has.
set -euo pipefail

BIN=$1 OUT=$2
# Amazon Linux 2023 has glibc 2.34 for its whole life. Source: AL2023 User Guide, "glibc, gcc, and binutils".
GLIBC_MAX=2.34

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# A binary for another processor needs that one's `strip`.
"${STRIP:-strip}" -o "$folder/bootstrap" "$BIN"
"$(dirname "$0")/lambda-glibc.py" "$folder/bootstrap" "$GLIBC_MAX"

mkdir -p "$(dirname "$OUT")"
python3 - "$folder/bootstrap" "$OUT" <<'PYTHON'
import os, sys, zipfile

binary, out = sys.argv[1:]
info = zipfile.ZipInfo("bootstrap", (1980, 1, 1, 0, 0, 0))
info.external_attr, info.create_system, info.compress_type = 0o100755 << 16, 3, zipfile.ZIP_DEFLATED
with zipfile.ZipFile(out + ".part", "w") as package, open(binary, "rb") as file:
    package.writestr(info, file.read(), compresslevel=9)
os.replace(out + ".part", out)
print(f"{out}: {os.path.getsize(out) / 1e6:.1f} MB, unzipped {os.path.getsize(binary) / 1e6:.1f} MB (Lambda takes 50 MB and 250 MB)")
PYTHON
