#!/bin/sh
# Take the operator's certificate, or make one that browsers warn of; then serve, and read the
# selectors' addresses again whenever the webserver writes them anew.
set -eu
routes=${FEDOTA_FRONT_ROUTES:-/tmp/routes.map}
if [ ! -s /tls/cert.pem ]; then
  echo "no /tls/cert.pem: serving with a certificate of our own for ${FEDOTA_HOST:-localhost}" >&2
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 825 \
    -subj "/CN=${FEDOTA_HOST:-localhost}" -addext "subjectAltName=DNS:${FEDOTA_HOST:-localhost}" \
    -keyout /tmp/key.pem -out /tmp/cert.pem 2>/dev/null
else
  ln -sf /tls/cert.pem /tmp/cert.pem
  ln -sf /tls/key.pem /tmp/key.pem
fi
# Where selectors' ports are published: on an address of the host, or on all of them.
case ${FEDOTA_PUBLISH_ON:-0.0.0.0} in
0.0.0.0) published=$(getent ahostsv4 host.docker.internal | cut -d ' ' -f 1 | head -n 1) ;;
*) published=$FEDOTA_PUBLISH_ON ;;
esac
read_routes() {
  { [ ! -e "$routes" ] ||
    grep -E '^(selector-[0-9]+\.[0-9a-f]{12}\.fedota published|webserver\.fedota [a-z0-9.-]+):[0-9]+;$' \
      "$routes" | sed "s/ published:/ $published:/"; } >/tmp/routes.new || true
  mv /tmp/routes.new /tmp/routes.conf
}
read_routes
nginx -g 'daemon off;' &
nginx=$!
trap 'kill -QUIT $nginx' TERM INT QUIT
seen=$(stat -c %Y.%s "$routes" 2>/dev/null || true)
while kill -0 $nginx 2>/dev/null; do
  sleep 2 &
  wait $! || true
  now=$(stat -c %Y.%s "$routes" 2>/dev/null || true)
  if [ "$now" != "$seen" ]; then
    seen=$now
    read_routes
    nginx -s reload || true
  fi
done
wait $nginx
