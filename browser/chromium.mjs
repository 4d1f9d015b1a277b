// The Chromium of this machine.
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

const paths = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Exits with status 3 where there is none. */
export function launchChromium() {
  const executablePath = paths.find(existsSync);
  if (executablePath === undefined) {
    process.stderr.write('no Chromium here: apt-get install chromium\n');
    process.exit(3);
  }
  return chromium.launch({ executablePath, args: ['--no-sandbox'] });
}
