/** What a peer writes in place of a reply, of the id of its request and what it ought to say. It uses nothing else: a child runs its text. */
export type Forge = (id: unknown, result: object) => readonly unknown[];

/** What is not the reply to a request: its name → the messages that come in its place, and what the error says of them. */
export const forgeries: Readonly<Record<string, { forge: Forge; says: RegExp }>> = {
  'another id': {
    forge: (_id, result) => [{ jsonrpc: '2.0', id: 'other', result }],
    says: /the id "other" in place of/,
  },
  'an id of another type': {
    forge: (id, result) => [{ jsonrpc: '2.0', id: typeof id === 'number' ? String(id) : 12, result }],
    says: /the id ("\d+"|12) in place of/,
  },
  'no id': { forge: (_id, result) => [{ jsonrpc: '2.0', result }], says: /no id in place of/ },
  'an id that is null': {
    forge: (_id, result) => [{ jsonrpc: '2.0', id: null, result }],
    says: /the id null in place of/,
  },
  'a batch': {
    forge: (id, result) => [
      [
        { jsonrpc: '2.0', id, result },
        { jsonrpc: '2.0', method: 'notifications/x' },
      ],
    ],
    says: /a batch in place of/,
  },
};

/** The text of `messages` as one body, or one event each. */
export const asStream = (messages: readonly unknown[]) =>
  messages.map((message) => `event: message\ndata: ${JSON.stringify(message)}\n\n`).join('');
