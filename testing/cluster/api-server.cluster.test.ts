import { KubeConfig, VersionApi } from '@kubernetes/client-node';
import { describe, expect, it } from 'vitest';
import { ApiServer, apiServerLacks } from './api-server.ts';
import { versions } from './binaries.ts';

const lacks = apiServerLacks();

describe.skipIf(lacks !== undefined)(`an API server of one's own${lacks === undefined ? '' : ` (${lacks})`}`, () => {
  it('answers with the version that was built', async () => {
    await using server = await ApiServer.start();
    const config = new KubeConfig();
    config.loadFromFile(server.kubeconfig);
    const { gitVersion } = await config.makeApiClient(VersionApi).getCode();
    expect(gitVersion).toBe(`v${versions.kubernetes}`);
  });
});
