#!/bin/sh
# The browser of the clients that open one: the person there consents at once.
for last in "$@"; do :; done
exec node -e 'fetch(process.argv[1]).then((reply) => reply.text())' "$last"
