import { processContext } from './context.ts';
import { px, splitScriptArguments } from './px.ts';

const { own, script } = splitScriptArguments(process.argv.slice(2));
process.exitCode = await px(own, processContext(script));
for (const stream of [process.stdout, process.stderr]) await new Promise((written) => stream.write('', written));
// What is still open (a socket that is closing, a timer) must not keep the shell waiting.
process.exit();
