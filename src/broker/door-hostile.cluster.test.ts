/** The broker's door under people who mean no good: the same tests as the agent's. */
import { describe } from 'vitest';
import { apiServerLacks } from '../../testing/cluster/api-server.ts';
import { doorSuite } from '../../testing/door-suite.ts';
import { servedByBroker } from '../../testing/served.ts';

const lacks = apiServerLacks();

describe.skipIf(lacks !== undefined)(`the broker${lacks === undefined ? '' : ` (${lacks})`}`, () => {
  doorSuite(servedByBroker);
});
