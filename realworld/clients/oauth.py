"""The person who consents at once, for the clients of the Python SDK."""
import http.server
import threading
import urllib.parse
import urllib.request

from mcp.shared.auth import OAuthClientMetadata


class Storage:
    def __init__(self):
        self.tokens = self.client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


def provider(url, make):
    """An OAuthClientProvider; `make` puts together what the callback answers."""
    from mcp.client.auth import OAuthClientProvider

    back = {}

    class Callback(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            back.update(urllib.parse.parse_qsl(urllib.parse.urlparse(self.path).query))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Callback)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    redirect = f"http://127.0.0.1:{server.server_port}/callback"

    async def go(authorize):
        urllib.request.urlopen(authorize).read()

    async def came():
        return make(back)

    return OAuthClientProvider(
        server_url=url,
        client_metadata=OAuthClientMetadata(
            client_name="realworld",
            redirect_uris=[redirect],
            grant_types=["authorization_code", "refresh_token"],
            response_types=["code"],
            token_endpoint_auth_method="none",
        ),
        storage=Storage(),
        redirect_handler=go,
        callback_handler=came,
    )
