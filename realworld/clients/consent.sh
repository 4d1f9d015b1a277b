#!/bin/sh
# The browser of the clients that open one: the person there consents at once, and tries again where the client does
# not listen yet. Some listen only once this has ended.
for last in "$@"; do :; done
node -e '
const visit = (left) =>
  fetch(process.argv[1])
    .then((reply) => reply.text())
    .catch(() => left > 0 && setTimeout(visit, 500, left - 1));
visit(40);
' "$last" >/dev/null 2>&1 &
