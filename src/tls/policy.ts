import { constants } from 'node:crypto';

/**
 * What both sides agree to: TLS 1.2 and 1.3, forward secrecy and AEAD only. Node's own list for TLS 1.2
 * still offers CBC and static RSA.
 */
export const tlsPolicy = {
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  ciphers: [
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
    'ECDHE-RSA-CHACHA20-POLY1305',
    // OpenSSL's default level is 1 in Node 20 and 2 from Node 24 on; 2 asks for 112 bits of security.
    '@SECLEVEL=2',
  ].join(':'),
  /** A resumed session is not verified again and outlives its certificate: none is offered (RFC 5077, 8446 4.6.1). */
  secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
} as const;

/** A handshake that takes longer than this is given up, in milliseconds. */
export const handshakeTimeoutMs = 10_000;
