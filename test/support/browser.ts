import { readFile } from 'node:fs/promises';
import { Agent, fetch } from 'undici';
import { onTestFinished } from 'vitest';
import { cert } from './certs.js';

export interface Page {
  readonly url: string;
  readonly status: number;
  readonly text: string;
}

/** A browser as far as consent needs one: cookies by host, redirects, forms. It trusts the fixture CA. */
export async function openBrowser() {
  const dispatcher = new Agent({ connect: { ca: await readFile(cert('ca.crt')) } });
  onTestFinished(() => dispatcher.destroy());
  const cookies = new Map<string, Map<string, string>>();
  const visited: string[] = [];

  async function go(url: string, form?: Record<string, string>): Promise<Page> {
    const at = new URL(url);
    const jar = cookies.get(at.host) ?? new Map<string, string>();
    cookies.set(at.host, jar);
    visited.push(url);
    const reply = await fetch(url, {
      dispatcher,
      redirect: 'manual',
      headers: { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(form && { method: 'POST', body: new URLSearchParams(form) }),
    });
    for (const line of reply.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (/expires=Thu, 01 Jan 1970/i.test(line)) jar.delete(name);
      else jar.set(name, value);
    }
    const location = reply.headers.get('location');
    if (location !== null && reply.status >= 300 && reply.status < 400) {
      await reply.body?.cancel();
      return go(new URL(location, url).href);
    }
    return { url, status: reply.status, text: await reply.text() };
  }

  /** Sends the form of a page, with these fields filled in. */
  function submit(page: Page, fields: Record<string, string> = {}): Promise<Page> {
    const action = /<form[^>]*action="([^"]*)"/.exec(page.text)?.[1] ?? page.url;
    const hidden = [...page.text.matchAll(/<input[^>]*type="hidden"[^>]*>/g)].map(([input]) => [
      /name="([^"]*)"/.exec(input)?.[1] ?? '',
      /value="([^"]*)"/.exec(input)?.[1] ?? '',
    ]);
    return go(new URL(action, page.url).href, { ...Object.fromEntries(hidden), ...fields });
  }

  /** Opens a link of the gateway, goes on, signs in at the authorization server and consents; what is shown in the end. */
  async function consent(link: string, account: string): Promise<Page> {
    const first = await go(link);
    if (first.status !== 200) return first;
    const login = await submit(first);
    if (!login.text.includes('name="login"')) return login;
    const agreed = await submit(login, { login: account, password: 'x' });
    return agreed.text.includes('<form') ? submit(agreed) : agreed;
  }

  return { go, submit, consent, visited };
}
