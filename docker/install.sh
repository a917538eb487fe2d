#!/bin/sh
# install-fedota packages EXTRA [REQUIREMENT]
#   Make /opt/fedota with all that one extra asks for, pinned, without pip and without Fedota; a
#   further requirement may be added, as tensorflow[and-cuda].
# install-fedota own
#   Make /own: Fedota itself, to be laid over /opt/fedota, and the list of what an image then holds.
set -eu
python=/opt/fedota/bin/python
pip="/tools/bin/python -m pip --python $python"
case $1 in
packages)
  python -m venv --without-pip /opt/fedota
  # A wheel without a single module says what the extra asks for, so that this layer stays as it
  # is when only Fedota's own code changes.
  $pip install --quiet --constraint /src/constraints.txt "$(ls /hollow/fedota-*.whl)[$2]" ${3:+"$3"}
  # Nor does it keep uv, 39 MB, with which Flower would install an app's packages as it runs.
  $pip uninstall --quiet --yes fedota uv 2>/dev/null
  rm -rf /opt/fedota/include /opt/fedota/share/fedota
  # What is read by no running program: the packages' own tests, C headers, type stubs.
  find /opt/fedota/lib -depth \( \( -type d \( -name tests -o -name include \) \) \
    -o -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' \) -path '*/site-packages/*' \
    -exec rm -rf {} +
  ;;
own)
  $pip install --quiet --no-deps --prefix /own "$(ls /wheels/fedota-*.whl)"
  cp -a /own/. /opt/fedota/
  /tools/bin/cyclonedx-py environment --output-format JSON --output-file /tmp/python.json $python
  python /usr/local/bin/write-sbom /own/sbom.cdx.json /tmp/python.json
  ;;
*)
  echo "install-fedota: packages or own, not $1" >&2
  exit 2
  ;;
esac
