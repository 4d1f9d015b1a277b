import { describe, expect, it } from 'vitest';
import { callerIds, traceFieldsOf } from '../../src/telemetry/index.js';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';
const traceparent = `00-${traceId}-${spanId}-01`;

describe('traceparent', () => {
  it.each([
    ['one of version 00', traceparent],
    ['one that is not sampled', `00-${traceId}-${spanId}-00`],
    ['one of a version to come, with more behind it', `cc-${traceId}-${spanId}-01-what-the-future-has`],
  ])('is read: %s', (_, value) => {
    expect(callerIds({ traceparent: value }, undefined)).toEqual({ trace_id: traceId, span_id: spanId });
  });

  it.each([
    ['version ff', `ff-${traceId}-${spanId}-01`],
    ['more behind version 00', `${traceparent}-more`],
    ['no trace', `00-${'0'.repeat(32)}-${spanId}-01`],
    ['no span', `00-${traceId}-${'0'.repeat(16)}-01`],
    ['upper case', traceparent.toUpperCase()],
    ['two of them', `${traceparent}, ${traceparent}`],
    ['a number', 7],
    ['nothing', ''],
  ])('is none: %s', (_, value) => {
    expect(callerIds({ traceparent: value }, undefined)).toBeUndefined();
    expect(traceFieldsOf({ traceparent: value, tracestate: 'a=1' }, undefined)).toBeUndefined();
  });

  it('of a message counts before that of the HTTP request around it, with its own tracestate', () => {
    const other = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-00`;
    const headers = { traceparent, tracestate: 'of=http', baggage: 'user=ada' };
    expect(traceFieldsOf(headers, { traceparent: other })).toEqual({
      traceparent: other,
      baggage: 'user=ada',
    });
    expect(traceFieldsOf(headers, { baggage: 'user=bob' })).toEqual({ ...headers, baggage: 'user=bob' });
  });

  it('goes on with nothing that could not stand in a header', () => {
    const meta = { traceparent, tracestate: 'a=1\r\nx: y', baggage: { no: 'text' } };
    expect(traceFieldsOf({}, meta)).toEqual({ traceparent });
    expect(traceFieldsOf({}, { traceparent, baggage: 'b'.repeat(9_000) })).toEqual({ traceparent });
  });

  it('of nobody costs nothing: there is no object for it', () => {
    expect(traceFieldsOf({ accept: 'x' }, { progressToken: 1 })).toBeUndefined();
    expect(traceFieldsOf({}, undefined)).toBeUndefined();
  });
});
