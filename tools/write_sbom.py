"""Write an image's bill of materials (CycloneDX 1.6), while it is built.

``write_sbom.py OUT [PYTHON]``: Debian's packages as dpkg lists them, beside the Python packages
that ``cyclonedx-py environment`` found, if there are any.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

_FORMAT = "${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\n"


def debian_components(listed: str, release: str) -> list[dict[str, str]]:
    """Turn dpkg's lines into components.

    Parameters
    ----------
    listed
        Lines of state, name, version and architecture, with tabs between.
    release
        Debian's, as ``debian-12``.

    References
    ----------
    The package URL specification, type ``deb``.
    """
    components = []
    for line in listed.splitlines():
        state, name, version, architecture = line.split("\t")
        if state != "installed":
            continue
        purl = (
            f"pkg:deb/debian/{quote(name, safe='')}@{quote(version, safe='')}"
            f"?arch={architecture}&distro={release}"
        )
        components.append(
            {"type": "library", "name": name, "version": version, "purl": purl, "bom-ref": purl}
        )
    return components


def document(python: dict[str, Any], debian: list[dict[str, str]]) -> dict[str, Any]:
    """Put both parts together; without a time or a serial number, so that it is reproducible."""
    whole = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, **python}
    whole["components"] = [*python.get("components", []), *debian]
    whole.pop("serialNumber", None)
    whole.get("metadata", {}).pop("timestamp", None)
    return whole


def _release() -> str:
    lines = Path("/etc/os-release").read_text().splitlines()
    fields = dict(line.split("=", 1) for line in lines if "=" in line)
    return f"{fields['ID']}-{fields['VERSION_ID']}".replace('"', "")


def main(arguments: list[str]) -> int:
    """Write the file; returns the exit code."""
    out = Path(arguments[0])
    python = json.loads(Path(arguments[1]).read_text()) if len(arguments) > 1 else {}
    listed = subprocess.run(
        ["dpkg-query", "--show", f"--showformat={_FORMAT}"],  # noqa: S607
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(document(python, debian_components(listed, _release())), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
