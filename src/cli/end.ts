/** Ends this process. What plugins call is another one, from `refuseExits` on. */
export const endProcess: typeof process.exit = process.exit.bind(process);

/**
 * A plugin, or a library of its, that calls `process.exit` would end the program for everybody, and without a word: it gets an
 * error in its place, and fails as by any other.
 */
export function refuseExits(): void {
  process.exit = (code) => {
    throw new Error(`it called process.exit(${code ?? ''}): it would end the program for everybody`);
  };
}
