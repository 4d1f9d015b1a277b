import { describe, expect, it } from 'vitest';
import { findingsIn } from '../../src/console/doctor.js';

const check = { title: 'certificate', looked_at: 'gateway.yaml', seen: 'as it should be' };

describe('what the doctor prints, on the page', () => {
  it('begins with what is worst, each with its cause and what to do', () => {
    const checks = [
      { ...check, status: 'ok' },
      { ...check, status: 'skipped' },
      { ...check, status: 'warn', cause: 'it ends soon', remedy: 'renew it' },
      { ...check, status: 'fail', cause: 'it has expired', remedy: 'renew it' },
    ];
    expect(findingsIn(JSON.stringify({ checks }))).toEqual([
      { level: 'error', title: 'certificate: gateway.yaml', detail: 'it has expired', remedy: 'renew it' },
      { level: 'warning', title: 'certificate: gateway.yaml', detail: 'it ends soon', remedy: 'renew it' },
      { level: 'ok', title: 'certificate: gateway.yaml', detail: 'as it should be' },
    ]);
  });

  it('gives a remedy to the cause alone of what follows from another', () => {
    const follows = { ...check, status: 'fail', cause: 'no answer', remedy: 'start it', follows: 'expired' };
    expect(findingsIn(JSON.stringify({ checks: [follows] }))).toEqual([
      { level: 'error', title: 'certificate: gateway.yaml', detail: 'no answer (follows from expired)' },
    ]);
  });

  it('says so where there is nothing to read', () => {
    expect(findingsIn('')).toMatchObject([{ level: 'error', remedy: 'sallyport doctor' }]);
  });
});
