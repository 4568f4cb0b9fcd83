import { cloud, sonde, vizier } from '#api';
import { generator } from './random.ts';

const requests = [
  vizier.ExecuteScriptRequest,
  vizier.HealthCheckRequest,
  cloud.GetClusterInfoRequest,
  sonde.TraceRequest,
  sonde.DebugCompileRequest,
];

/** Whatever comes as a request's message: a message or an error, soon, and no more memory than it has bytes. */
export function run(options: { milliseconds: number; seed?: number }): number {
  const seed = options.seed ?? (Math.random() * 0x1_0000_0000) >>> 0;
  const random = generator(seed);
  const deadline = performance.now() + options.milliseconds;
  const sample = vizier.ExecuteScriptRequest.encode(
    vizier.ExecuteScriptRequest.fromPartial({
      queryStr: 'import px\npx.display(px.GetTables())\n',
      execFuncs: [{ funcName: 'f', outputTablePrefix: 't', argValues: [{ name: 'a', value: 'é' }] }],
      encryptionOptions: { jwkKey: '{}', keyAlg: 'RSA-OAEP-256', contentAlg: 'A256GCM', compressionAlg: 'DEF' },
      configs: {
        otelEndpointConfig: { url: 'u', headers: { k: 'v' }, insecure: true },
        pluginConfig: { startTimeNs: -1n },
      },
    }),
  ).finish();
  let inputs = 0;
  for (; performance.now() < deadline; inputs++) {
    let bytes = random(4) === 0 ? Uint8Array.from({ length: random(200) }, () => random(256)) : sample.slice();
    for (let i = random(6); i > 0 && bytes.length > 0; i--) bytes[random(bytes.length)] = random(256);
    if (random(4) === 0) bytes = bytes.subarray(0, random(bytes.length + 1));
    const type = requests[inputs % requests.length]!;
    const start = performance.now();
    try {
      type.decode(bytes);
    } catch (error) {
      if (!(error instanceof Error)) throw new Error(`seed ${seed}, input ${inputs}`, { cause: error });
    }
    const took = performance.now() - start;
    if (took > 1_000) throw new Error(`seed ${seed}, input ${inputs}: took ${Math.round(took)} ms`);
  }
  return inputs;
}
