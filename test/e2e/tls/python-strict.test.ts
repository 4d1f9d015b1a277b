import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { run, sallyport } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { judgedBy } from '../../support/judges.js';
import { startPluginServer } from '../../support/plugin-server.js';

/** What Python 3.13 asks of every certificate by default; older versions do where they are told to. */
const strict = `
import ssl, socket, sys, threading
def context(purpose, folder, name):
    made = ssl.create_default_context(purpose, cafile=f"{folder}/ca.crt")
    made.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    made.load_cert_chain(f"{folder}/{name}.crt", f"{folder}/{name}.key")
    return made
`;

const asClient = `${strict}
folder, port = sys.argv[1:]
with socket.create_connection(("localhost", int(port))) as raw:
    with context(ssl.Purpose.SERVER_AUTH, folder, "client").wrap_socket(raw, server_hostname="localhost") as tls:
        tls.sendall(b"GET /health HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n")
        print(tls.recv(4096).decode())
`;

const asServer = `${strict}
server_folder, client_folder = sys.argv[1:]
server = context(ssl.Purpose.CLIENT_AUTH, server_folder, "server")
server.verify_mode = ssl.CERT_REQUIRED
client = context(ssl.Purpose.SERVER_AUTH, client_folder, "client")
one, other = socket.socketpair()
def serve():
    with server.wrap_socket(one, server_side=True) as tls:
        print(dict(pair[0] for pair in tls.getpeercert()["subject"])["commonName"])
        tls.sendall(b"seen")
worker = threading.Thread(target=serve)
worker.start()
with client.wrap_socket(other, server_hostname="localhost") as tls:
    print(tls.recv(4).decode())
worker.join()
`;

/** The certificates that `certs all` makes, of this kind of key. */
async function made(key: string) {
  const cwd = await temporaryFolder();
  await mkdir(cwd, { recursive: true });
  expect(await sallyport(['certs', 'all', '--key', key], { cwd })).toMatchObject({ status: 0 });
  const folder = join(cwd, 'certs/mcp');
  return { gateway: join(folder, 'gateway'), plugin: join(folder, 'plugins/example-plugin-a') };
}

judgedBy('python3').each(['rsa-4096', 'ec-p256', 'ec-p384', 'ed25519'])(
  '[C8] strict Python verifies certificates with %s keys in both directions',
  async (key) => {
    const { gateway, plugin } = await made(key);
    const tls = {
      certfile: join(plugin, 'server.crt'),
      keyfile: join(plugin, 'server.key'),
      ca_bundle: join(plugin, 'ca.crt'),
    };
    const server = await startPluginServer({ tls });
    const client = await run('python3', ['-c', asClient, gateway, String(server.port)]);
    expect(client).toMatchObject({ status: 0, stdout: expect.stringContaining('200 OK') });
    const both = await run('python3', ['-c', asServer, plugin, gateway]);
    expect(both).toMatchObject({ status: 0, stderr: '' });
    expect(both.stdout.trim().split('\n').sort()).toEqual(['mcp-gateway-client', 'seen']);
  },
);
