/** What Pixie's px and its Go library get from a cluster's broker: by a token, over TLS, before a real API server. */
import { describe } from 'vitest';
import { apiServerLacks } from '../../testing/cluster/api-server.ts';
import { pixieWireSuite } from '../../testing/pixie-wire-suite.ts';
import { servedByBroker } from '../../testing/served.ts';

const lacks = apiServerLacks();

describe.skipIf(lacks !== undefined)(`the broker${lacks === undefined ? '' : ` (${lacks})`}`, () => {
  pixieWireSuite(servedByBroker);
});
