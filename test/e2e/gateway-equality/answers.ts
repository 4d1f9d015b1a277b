/** What an elicitation says of what it wants. */
export interface Answering {
  readonly mode?: string | undefined;
}

/** What a client says when it is asked: always the same. */
export const answers = {
  'sampling/createMessage': {
    role: 'assistant' as const,
    content: { type: 'text' as const, text: 'An answer.' },
    model: 'a-model',
    stopReason: 'endTurn',
  },
  'elicitation/create': ({ mode }: Answering) =>
    mode === 'url'
      ? { action: 'accept' as const }
      : { action: 'accept' as const, content: { name: 'Ada Lovelace', check: true } },
  'roots/list': { roots: [{ uri: 'file:///somewhere', name: 'Somewhere' }] },
};
