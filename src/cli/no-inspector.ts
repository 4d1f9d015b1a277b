/**
 * Node opens its inspector at SIGUSR1, unless somebody listens to that signal: whoever may send it would read every key
 * that this process holds, and so would whatever on this machine connects to the port. Started with `--inspect` it is
 * there, because that was asked for.
 */
process.on('SIGUSR1', () => {});
