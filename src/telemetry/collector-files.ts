import { createSecureContext } from 'node:tls';
import { fileReason, TracesFile } from '../errors.js';
import { readFileBytes } from '../read-file.js';
import type { Given, TraceSettings } from './trace-settings.js';

type Files = TraceSettings['otlp']['files'];

/** The certificates and keys for a collector, read and tried: what a handshake would fail on later fails at the start. */
export async function readCollectorFiles(
  files: Files,
): Promise<{ ca?: Buffer; key?: Buffer; cert?: Buffer }> {
  const [ca, key, cert] = await Promise.all([files.ca, files.key, files.cert].map(read));
  const { ca: caFile, key: keyFile, cert: certFile } = files;
  if (caFile && ca) check(caFile, { ca });
  if (keyFile && certFile && key && cert) {
    check(certFile, { cert });
    check(keyFile, { cert, key });
  }
  return { ...(ca && { ca }), ...(key && cert && { key, cert }) };
}

async function read(file: Given | undefined): Promise<Buffer | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readFileBytes(file.value);
  } catch (error) {
    throw refused(file, error);
  }
}

function check(file: Given, options: { ca?: Buffer; key?: Buffer; cert?: Buffer }): void {
  try {
    // OpenSSL passes over text that is no certificate.
    if (options.ca && !options.ca.includes('-----BEGIN CERTIFICATE-----'))
      throw new TypeError('no certificate in it');
    createSecureContext(options);
  } catch (error) {
    throw refused(file, error);
  }
}

const refused = ({ name, value }: Given, error: unknown) =>
  TracesFile({ variable: name, path: value, reason: fileReason(error) }, error);
