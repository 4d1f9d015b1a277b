import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import type { SallyError } from '../errors.js';
import type { Logger } from '../log.js';

/** What a log line says of a TLS connection: who is there, and what was agreed. */
export interface PeerFacts {
  readonly subject?: string;
  readonly sans?: string;
  readonly serial?: string;
  readonly validFrom?: string;
  readonly validTo?: string;
  readonly issuer?: string;
  readonly protocol?: string;
  readonly cipher?: string;
}

/** The facts of a connection whose handshake has come as far as the peer's certificate. */
export function peerFacts(socket: TLSSocket): PeerFacts {
  const certificate = presented(socket);
  const protocol = socket.getProtocol();
  const cipher = socket.getCipher()?.name;
  return {
    ...(certificate && {
      subject: dnOf(certificate.subject),
      ...(certificate.subjectaltname && { sans: certificate.subjectaltname }),
      serial: certificate.serialNumber,
      validFrom: certificate.valid_from,
      validTo: certificate.valid_to,
      issuer: dnOf(certificate.issuer),
    }),
    ...(protocol && { protocol }),
    ...(cipher && { cipher }),
  };
}

/** Whether the peer presented a certificate at all. Node gives an empty object where it did not. */
function presented(socket: TLSSocket): DetailedPeerCertificate | undefined {
  const certificate = socket.getPeerCertificate(false) as Partial<DetailedPeerCertificate> | undefined;
  return certificate?.raw === undefined ? undefined : (certificate as DetailedPeerCertificate);
}

function dnOf(name: object | undefined): string {
  return Object.entries(name ?? {})
    .flatMap(([key, value]) => [value].flat().map((one) => `${key}=${one}`))
    .join(', ');
}

/** Warns of each kind of remark once: what is so of one connection is so of the next ones too. */
export function remarkOnce(log: Logger): (remark: SallyError) => void {
  const remarked = new Set<string>();
  return (remark) => {
    if (remarked.has(remark.code)) return;
    remarked.add(remark.code);
    log.warn({ code: remark.code, remedy: remark.remedy }, remark.message);
  };
}
