import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Files of libraries, by the names under which the page asks for them: its modules name no packages. */
const libraries: Readonly<Record<string, readonly [name: string, path: string]>> = {
  'preact.js': ['preact', 'dist/preact.mjs'],
  'htm.js': ['htm', 'dist/htm.mjs'],
  'uplot.js': ['uplot', 'dist/uPlot.iife.min.js'],
  'uplot.css': ['uplot', 'dist/uPlot.min.css'],
};

interface Asset {
  readonly type: string;
  readonly etag: string;
  readonly body: Buffer;
}

/** Serves the files of the page; each is read when it is first asked for. */
export function createAssets(): (
  name: string,
  request: IncomingMessage,
  response: ServerResponse,
) => boolean {
  const read = new Map<string, Asset>();
  return (name, request, response) => {
    const asset = read.get(name) ?? readAsset(name);
    if (asset === undefined) return false;
    read.set(name, asset);
    const { type, etag, body } = asset;
    // Asked for again each time: another version of the program has other files under the same names.
    response.setHeader('Cache-Control', 'no-cache');
    response.setHeader('ETag', etag);
    if (request.headers['if-none-match'] === etag) response.writeHead(304).end();
    else response.writeHead(200, { 'Content-Type': type, 'Content-Length': body.length }).end(body);
    return true;
  };
}

function readAsset(name: string): Asset | undefined {
  const type = types[extname(name)];
  // One folder, whose files have plain names.
  if (type === undefined || !/^[a-z][a-z0-9-]*\.[a-z]+$/.test(name)) return undefined;
  try {
    const body = readFileSync(Object.hasOwn(libraries, name) ? libraryFile(name) : pageFile(name));
    const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
    return { type, etag, body };
  } catch {
    return undefined;
  }
}

const pageFile = (name: string): string => fileURLToPath(new URL(`page/${name}`, import.meta.url));

function libraryFile(name: string): string {
  const [library = '', path = ''] = libraries[name] ?? [];
  const require = createRequire(import.meta.url);
  // Not every library exports its package.json: its entry stands in its folder all the same.
  const entry = require.resolve(library);
  const root =
    entry.slice(0, entry.lastIndexOf(join('node_modules', library))) + join('node_modules', library);
  return join(root || dirname(entry), path);
}
