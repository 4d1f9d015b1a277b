"""Posts bodies of so many bytes to a URL by http.client, as many programs do; prints the status of each."""

import http.client
import sys

HEADERS = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
host, port, *sizes = sys.argv[1:]
for size in sizes:
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    try:
        connection.request("POST", "/mcp", b"x" * int(size), HEADERS)
        print(connection.getresponse().status)
    except OSError as error:
        print(type(error).__name__)
    connection.close()
