// `sallyport`, counting the functions that it enters: each SIGUSR2 writes those entered since the last one to a file
// beside the configuration, and begins anew.
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { fileURLToPath } from 'node:url';

const dist = new URL('../dist/', import.meta.url).href;
const session = new Session();
session.connect();
session.post('Profiler.enable');
session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
process.on('SIGUSR2', () => {
  session.post('Profiler.takePreciseCoverage', (error, coverage) => {
    if (error) throw error;
    const entered = coverage.result
      .filter(({ url }) => url.startsWith(dist))
      .flatMap(({ url, functions }) =>
        functions
          .filter(({ ranges: [range] }) => range.count > 0)
          .map(
            ({ functionName, ranges }) =>
              `${url.slice(dist.length)}:${ranges[0].startOffset}:${functionName}`,
          ),
      );
    writeFileSync(`entered-${process.pid}.json`, JSON.stringify(entered));
  });
});
process.argv[1] = fileURLToPath(new URL('cli/main.js', dist));
await import(`${dist}cli/main.js`);
