"""Certificates made for a test: an authority of its own, and what it signs."""

from __future__ import annotations

import subprocess
from pathlib import Path

from realparts import require

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Authority:
    """A certificate authority that lives as long as a test's folder."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self.certificate = folder / f"{name}.pem"
        self._key = folder / f"{name}.key"
        _openssl(
            *("req", "-x509", *KEY, "-days", "2", "-subj", f"/CN={name}"),
            *("-keyout", self._key, "-out", self.certificate),
        )

    def sign(
        self,
        name: str,
        *,
        host: str = "localhost",
        days: int = 2,
        address: str | None = "127.0.0.1",
    ) -> tuple[Path, Path]:
        """A certificate and its key, as files, for a host name and address; `days` may be negative."""
        certificate, key, request, extensions = (
            self._folder / f"{name}.{suffix}" for suffix in ("pem", "key", "csr", "ext")
        )
        names = f"DNS:{host}" + (f",IP:{address}" if address else "")
        extensions.write_text(f"subjectAltName={names}\n")
        _openssl("req", "-new", *KEY, "-subj", f"/CN={host}", "-keyout", key, "-out", request)
        _openssl(
            *("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key),
            *("-CAcreateserial", "-days", str(days), "-extfile", extensions, "-out", certificate),
        )
        return certificate, key


def _openssl(*arguments: str | Path) -> None:
    program = require("openssl")
    subprocess.run([program, *map(str, arguments)], check=True, capture_output=True)
