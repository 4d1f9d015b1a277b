import { BlockList, isIP } from 'node:net';

/** Addresses and networks in CIDR notation (RFC 4632 section 3.1, RFC 4291 section 2.3). */
export interface Networks {
  /** Whether an address is in one of them; one of version 4 also where it is written as one of version 6. */
  has(address: string): boolean;
}

/** The networks that `texts` name; `problem` is told of each that is none. */
export function networksOf(texts: readonly string[], problem: (text: string) => void = () => {}): Networks {
  const list = new BlockList();
  for (const text of texts) {
    const [, address = '', bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text.trim()) ?? [];
    const version = isIP(address);
    const longest = version === 4 ? 32 : 128;
    const prefix = bits === undefined ? longest : Number(bits);
    if (version === 0 || prefix > longest) problem(text);
    else list.addSubnet(address, prefix, version === 4 ? 'ipv4' : 'ipv6');
  }
  return {
    has(address) {
      // A listener for both versions sees those of version 4 as `::ffff:10.0.0.5`; one of a link may have its zone.
      const plain = plainAddress(address);
      const version = isIP(plain);
      return version !== 0 && list.check(plain, version === 4 ? 'ipv4' : 'ipv6');
    },
  };
}

/** An address without the zone of its link, and one of version 4 as such. */
export function plainAddress(address: string): string {
  const bare = address.replace(/%.*$/, '');
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1];
  return mapped ?? bare;
}
