import { once } from 'node:events';
import { connect } from 'node:tls';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SallyError } from '../../src/errors.js';
import { connectFailure, handshakeFailure, verifyFailure } from '../../src/tls/reasons.js';
import { tcpServer } from '../support/tcp.js';

const facts = { subject: 'CN=P', validFrom: 'Jan 1 2030', validTo: 'Jan 1 2020' };
const server = { peer: 'the plugin server https://localhost:8000', side: 'client' } as const;
const client = { peer: 'the client 127.0.0.1:40312', side: 'server' } as const;
const coded = (code: string, message = 'a message') => Object.assign(new TypeError(message), { code });
/** As Node writes the errors of OpenSSL. */
const ofOpenssl = (text: string, code = 'EPROTO') =>
  coded(
    code,
    `40E7:error:0A00:SSL routines:ssl3_read_bytes:${text}:../deps/openssl/rec_layer_s3.c:1605:SSL alert\n`,
  );

describe('a certificate that does not verify', () => {
  it.each([
    ['UNABLE_TO_GET_ISSUER_CERT', 'SALLY_TLS_UNKNOWN_CA'],
    ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'SALLY_TLS_UNKNOWN_CA'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'SALLY_TLS_UNKNOWN_CA'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'SALLY_TLS_UNKNOWN_CA'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'SALLY_TLS_UNKNOWN_CA'],
    ['CERT_SIGNATURE_FAILURE', 'SALLY_TLS_UNKNOWN_CA'],
    ['CERT_UNTRUSTED', 'SALLY_TLS_UNKNOWN_CA'],
    ['CERT_HAS_EXPIRED', 'SALLY_TLS_PEER_EXPIRED'],
    ['CERT_NOT_YET_VALID', 'SALLY_TLS_PEER_NOT_YET_VALID'],
    ['INVALID_PURPOSE', 'SALLY_TLS_PEER_PURPOSE'],
    ['PATH_LENGTH_EXCEEDED', 'SALLY_TLS_PEER_REJECTED'],
    ['NO_VERDICT', 'SALLY_TLS_PEER_REJECTED'],
    ['', 'SALLY_TLS_PEER_REJECTED'],
  ])('[G5,S8] %s: %s, on both sides, by its subject', (code, expected) => {
    for (const failure of [server, client]) {
      const error = verifyFailure(code, { ...failure, facts });
      expect(error.code).toBe(expected);
      expect(error.message).toContain(failure.peer);
      expect(error.message).toContain('CN=P');
      expect(verifyFailure(code, failure).message).not.toContain('undefined');
    }
  });

  it('[G5,S8] that is out of date: says from when, or until when', () => {
    expect(verifyFailure('CERT_HAS_EXPIRED', { ...client, facts }).message).toContain('Jan 1 2020');
    expect(verifyFailure('CERT_NOT_YET_VALID', { ...client, facts }).message).toContain('Jan 1 2030');
  });
});

describe('a handshake that ends early', () => {
  it.each([
    ['ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE', 'SALLY_TLS_NO_CLIENT_CERT'],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'SALLY_TLS_NO_CLIENT_CERT'],
    ['ERR_SSL_UNSUPPORTED_PROTOCOL', 'SALLY_TLS_PROTOCOL'],
    ['ERR_SSL_VERSION_TOO_LOW', 'SALLY_TLS_PROTOCOL'],
    ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'SALLY_TLS_PROTOCOL'],
    ['ERR_SSL_NO_SHARED_CIPHER', 'SALLY_TLS_CIPHER'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'SALLY_TLS_NOT_TLS'],
    ['ERR_SSL_HTTP_REQUEST', 'SALLY_TLS_NOT_TLS'],
    ['ERR_SSL_PACKET_LENGTH_TOO_LONG', 'SALLY_TLS_NOT_TLS'],
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'SALLY_TLS_OUR_CERT_REFUSED'],
    ['ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', 'SALLY_TLS_OUR_CERT_REFUSED'],
    ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN', 'SALLY_TLS_OUR_CERT_REFUSED'],
    ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED', 'SALLY_TLS_OUR_CERT_REFUSED'],
    ['ERR_SSL_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE', 'SALLY_TLS_OUR_CERT_REFUSED'],
    ['ERR_TLS_HANDSHAKE_TIMEOUT', 'SALLY_TLS_HANDSHAKE_TIMEOUT'],
    ['ECONNRESET', 'SALLY_TLS_HANDSHAKE'],
    ['CERT_HAS_EXPIRED', 'SALLY_TLS_PEER_EXPIRED'],
    ['ERR_SSL_OF_TOMORROW', 'SALLY_TLS_HANDSHAKE'],
    ['', 'SALLY_TLS_HANDSHAKE'],
  ])('[G5,S8] %s: %s', (code, expected) => {
    for (const failure of [server, client]) {
      const error = handshakeFailure(coded(code), failure);
      expect(error.code).toBe(expected);
      expect(error.message).toContain(failure.peer);
    }
  });

  it('[G5,S8] the alert handshake_failure means no common cipher to a server, which has seen the offer', () => {
    const error = coded('ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE');
    expect(handshakeFailure(error, client).code).toBe('SALLY_TLS_CIPHER');
    expect(handshakeFailure(error, server).code).toBe('SALLY_TLS_HANDSHAKE');
  });

  it.each([
    ['tlsv1 alert unknown ca', 'SALLY_TLS_OUR_CERT_REFUSED'],
    ['sslv3 alert bad certificate', 'SALLY_TLS_OUR_CERT_REFUSED'],
    ['tlsv1 alert protocol version', 'SALLY_TLS_PROTOCOL'],
    ['wrong version number', 'SALLY_TLS_NOT_TLS'],
    ['peer did not return a certificate', 'SALLY_TLS_NO_CLIENT_CERT'],
  ])('[G5,S8] is told by its text where Node gives no code: %s', (text, expected) => {
    expect(handshakeFailure(ofOpenssl(text), client).code).toBe(expected);
  });

  it('[G5,S8] keeps what OpenSSL says of a reason that is not known here, on one line', () => {
    const error = ofOpenssl('a reason of tomorrow');
    expect(handshakeFailure(error, client)).toMatchObject({
      code: 'SALLY_TLS_HANDSHAKE',
      message: 'the TLS handshake with the client 127.0.0.1:40312 failed: a reason of tomorrow',
      cause: error,
    });
  });

  it('[G5,S8] whatever the code and the text: an error of the registry', () => {
    const word = fc.stringMatching(/^[A-Z_]{0,40}$/);
    fc.assert(
      fc.property(word, fc.string(), fc.constantFrom(server, client), (code, message, failure) => {
        for (const error of [handshakeFailure(coded(code, message), failure), verifyFailure(code, failure)]) {
          expect(error).toBeInstanceOf(SallyError);
          expect(error.message).not.toMatch(/undefined|\[object/);
        }
      }),
    );
  });
});

describe('a connection that cannot be made', () => {
  it.each([
    ['ECONNREFUSED', 'SALLY_CONNECT_REFUSED'],
    ['EHOSTUNREACH', 'SALLY_CONNECT_REFUSED'],
    ['ENETUNREACH', 'SALLY_CONNECT_REFUSED'],
    ['EADDRNOTAVAIL', 'SALLY_CONNECT_REFUSED'],
    ['ENOTFOUND', 'SALLY_CONNECT_HOST'],
    ['EAI_AGAIN', 'SALLY_CONNECT_HOST'],
    ['ETIMEDOUT', 'SALLY_CONNECT_TIMEOUT'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'SALLY_TLS_UNKNOWN_CA'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'SALLY_TLS_NOT_TLS'],
    ['EPROTO', 'SALLY_TLS_HANDSHAKE'],
  ])('[G5] %s: %s', (code, expected) => {
    const cause = coded(code);
    const error = connectFailure(cause, server);
    expect(error?.code).toBe(expected);
    expect(error?.message).toContain(server.peer);
  });

  it('[G5] names the host that does not resolve', () => {
    const cause = Object.assign(coded('ENOTFOUND'), { hostname: 'plugins.internal' });
    expect(connectFailure(cause, server)?.message).toContain(
      'the host name plugins.internal does not resolve',
    );
  });

  it('[G5] that was tried on several addresses is told by the first', () => {
    const first = coded('ECONNREFUSED', 'connect ECONNREFUSED ::1:8000');
    const all = new AggregateError([first, coded('ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:8000')]);
    expect(connectFailure(all, server)).toMatchObject({
      code: 'SALLY_CONNECT_REFUSED',
      message: expect.stringContaining('connect ECONNREFUSED ::1:8000'),
    });
  });

  it.each(['UND_ERR_ABORTED', 'ERR_INVALID_ARG_TYPE', ''])('[G5] %j is not for this table', (code) => {
    expect(connectFailure(coded(code), server)).toBeUndefined();
  });

  it('[G5] what Node itself says of a server that does not speak TLS', async () => {
    const listener = tcpServer((socket) => socket.end('220 mail.example ESMTP\r\n')).listen(0, 'localhost');
    onTestFinished(() => void listener.close());
    await once(listener, 'listening');
    const { port } = listener.address() as { port: number };
    const [error] = await once(connect({ port, host: 'localhost' }), 'error');
    expect(connectFailure(error, server)?.code).toBe('SALLY_TLS_NOT_TLS');
  });
});
