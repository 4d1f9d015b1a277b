import { Command } from 'commander';
import { UsageError } from '../errors.js';
import { nearest } from '../nearest.js';

/** A command that is nothing by itself: one of its own has to be named. `forms`: how they are called. */
export function commandWithSubcommands(name: string, forms: readonly string[]): Command {
  const usage = `sallyport ${name} ${forms.join(' | ')}`;
  return new Command(name)
    .usage('<command> [options]')
    .argument('[command]')
    .action((word: string | undefined) => {
      const names = forms.map((form) => form.replace(/ .*/, ''));
      const meant = word && nearest(word, names);
      throw UsageError({
        message: word === undefined ? `${name} needs a command` : `${name} has no command '${word}'`,
        usage: meant ? `did you mean ${meant}? sallyport ${name} ${meant} --help` : usage,
      });
    })
    .helpCommand(false);
}
