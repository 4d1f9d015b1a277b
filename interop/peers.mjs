/**
 * The peers, each with its requirements file. What the framework of ContextForge needs is installed, not the whole
 * gateway; from 1.0.1 on its framework is the package cpex, in the version that pip takes for it.
 */
export const peers = [
  {
    id: 'cpex-0.1.4',
    title: 'cpex 0.1.4 (MCP SDK 2.3.0)',
    uds: true,
    stdioCommand: true,
  },
  {
    id: 'contextforge-1.0.7',
    title: 'ContextForge 1.0.7.post20260921: cpex 0.1.3 (MCP SDK 1.30.0)',
    uds: true,
    stdioCommand: true,
  },
  {
    id: 'contextforge-1.0.0',
    title: 'ContextForge 1.0.0 (MCP SDK 1.27.2)',
    uds: true,
    stdioCommand: true,
  },
  {
    id: 'contextforge-0.9.0',
    title: 'ContextForge 0.9.0 (MCP SDK 1.26.0)',
    uds: false,
    /** Its client starts `.py` scripts only. */
    stdioCommand: false,
  },
];

export const transports = ['http', 'mtls', 'stdio', 'uds'];

/** Who calls: their gateway our plugin server, or our gateway theirs. */
export const directions = { A: 'it calls Sallyport', B: 'Sallyport calls it' };
