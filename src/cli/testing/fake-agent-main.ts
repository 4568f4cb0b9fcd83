import { parseArgs } from 'node:util';
import { sonde } from '#api';
import { socketPath } from '../connect/directory.ts';
import { probeSocket } from '../connect/probe.ts';
import { fakeAgent } from './fake-agent.ts';

/** An agent in a process of its own, for tests of how px starts one (SONDE_AGENT). Ends after five minutes in any case. */
const { values } = parseArgs({ options: { dir: { type: 'string' } } });
const directory = values.dir!;
if ((await probeSocket(socketPath(directory))) === 'open') process.exit(0);
setTimeout(() => process.exit(0), 300_000).unref();
try {
  const agent = await fakeAgent(directory, {
    listProcesses: () => [{ pid: BigInt(process.pid), executable: '/fake' }],
    status: () => ({ pid: BigInt(process.pid), version: '0.1.0' }),
    stop() {
      setTimeout(() => {
        agent.kill();
        process.exit(0);
      }, 20);
      return { pid: BigInt(process.pid) };
    },
    trace(call) {
      const value = sonde.TraceArmed.fromPartial({ processes: 1, name: 'trace-1' });
      call.write({ event: { $case: 'armed', value } });
      call.on('cancelled', () => console.log('trace cancelled'));
      ended = () => {
        call.write({ event: { $case: 'end', value: sonde.TraceEnd.fromPartial({}) } });
        call.end();
      };
    },
    deleteTracepoint() {
      console.log('trace deleted');
      ended();
      return true;
    },
  });
} catch {
  // Another one was quicker to bind.
  process.exit(0);
}
let ended = () => {};
