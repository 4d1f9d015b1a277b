import { relative } from 'node:path';
import { Command, Option } from 'commander';
import { createProject, type Template, templates } from '../scaffold/index.js';
import { paint } from '../terminal.js';
import { type CommandIo, columns, commandWithSubcommands } from './io.js';

interface Flags {
  readonly template: Template;
  readonly js?: true;
  readonly sallyport?: string;
  readonly json?: true;
}

/** `sallyport new`: projects to begin with. */
export function newCommand(io: CommandIo): Command {
  const command = commandWithSubcommands('new', ['plugin NAME'])
    .description('make a project to begin with')
    .addHelpText('after', '\nExample:\n  sallyport new plugin my-filter');
  command.addCommand(
    new Command('plugin')
      .description(
        'make the project of a plugin: it builds, is tested, served and called by one command each',
      )
      .argument('<name>', 'of the folder that is made here, and of the package in it')
      .addOption(
        new Option('--template <name>', 'what the plugin begins as')
          .choices(Object.keys(templates))
          .default('filter'),
      )
      .option('--js', 'JavaScript in place of TypeScript')
      .option(
        '--sallyport <what>',
        'the folder, tarball or version of sallyport to depend on (default: this one)',
      )
      .option('--json', 'print one object: folder, plugin, files, dependency')
      .addHelpText('after', `\n${help}`)
      .action(async (name: string, flags: Flags) => make(io, name, flags)),
  );
  return command;
}

const help = `Templates:
${columns(Object.entries(templates).map(([name, purpose]) => [`  ${name}`, purpose])).join('\n')}

Example:
  sallyport new plugin my-guard --template guard --js`;

async function make(io: CommandIo, name: string, { template, js, sallyport, json }: Flags): Promise<void> {
  const language = js ? 'js' : 'ts';
  const project = await createProject({ name, cwd: io.cwd, template, language, sallyport });
  if (json) {
    io.out(`${JSON.stringify(project, null, 2)}\n`);
    return;
  }
  const { folder, plugin, files, dependency } = project;
  io.out(
    `${paint(io, 'green', 'made')} ${relative(io.cwd, folder)}: the plugin ${plugin}, ${templates[template]}\n`,
  );
  for (const file of files) io.out(`  ${file}\n`);
  if (dependency.startsWith('file:'))
    io.out(`It depends on sallyport from ${dependency.slice('file:'.length)}\n`);
  const next = [
    [`cd ${name}`, ''],
    ['npm install', ''],
    ['npm test', 'in this process and behind mutual TLS'],
    ['npm run dev', 'a gateway with the plugin, read anew as it changes'],
    ['npm run serve', 'the plugin server, behind mutual TLS'],
    ['npm run call', 'in a second terminal: calls through a gateway'],
  ];
  io.out('\nNext:\n');
  for (const line of columns(next)) io.out(`  ${line.trimEnd()}\n`);
}
