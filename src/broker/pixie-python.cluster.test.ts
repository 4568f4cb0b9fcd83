/** Pixie's Python package, as PyPI has it, against a cluster's broker over TLS. */
import { describe } from 'vitest';
import { apiServerLacks } from '../../testing/cluster/api-server.ts';
import { pixiePythonSuite } from '../../testing/pixie-python-suite.ts';
import { servedByBroker } from '../../testing/served.ts';

const lacks = apiServerLacks();

describe.skipIf(lacks !== undefined)(`the broker${lacks === undefined ? '' : ` (${lacks})`}`, () => {
  pixiePythonSuite(servedByBroker);
});
