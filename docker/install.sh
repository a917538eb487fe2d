#!/bin/sh
# install-fedota EXTRA [REQUIREMENT]: make /opt/fedota with one extra of the wheel, pinned, and
# without pip; a further requirement may be added, as tensorflow[and-cuda].
set -eu
wheel=$(ls /wheels/fedota-*.whl)
python -m venv --without-pip /opt/fedota
/tools/bin/python -m pip --python /opt/fedota/bin/python install --quiet \
  --constraint /src/constraints.txt "$wheel[$1]" ${2:+"$2"}

# What is read by no running program: the packages' own tests, C headers, type stubs.
find /opt/fedota/lib -depth \( \( -type d \( -name tests -o -name include \) \) \
  -o -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' \) -path '*/site-packages/*' -exec rm -rf {} +

/tools/bin/cyclonedx-py environment --output-format JSON \
  --output-file /opt/fedota/sbom.cdx.json /opt/fedota/bin/python
