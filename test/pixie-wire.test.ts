/** What Pixie's px and its Go library get from an agent. */
import { pixieWireSuite } from '../testing/pixie-wire-suite.ts';
import { servedByAgent } from '../testing/served.ts';

pixieWireSuite(servedByAgent);
