import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** One authority for everything, keys and certificates as `NAME.key` and `NAME.crt` in one folder. */
export class Pki {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
    this.#key('ca');
    const usage = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign,digitalSignature'];
    this.#openssl([
      'req',
      '-x509',
      '-new',
      '-key',
      'ca.key',
      '-subj',
      '/CN=test-ca',
      '-days',
      '30',
      '-out',
      'ca.crt',
      ...usage.flatMap((extension) => ['-addext', extension]),
    ]);
    this.#openssl(['genrsa', '-out', 'sa.key', '2048']);
    this.#openssl(['rsa', '-in', 'sa.key', '-pubout', '-out', 'sa.pub']);
  }

  path(file: string): string {
    return join(this.folder, file);
  }

  /** `names`: subject alternative names as openssl writes them, `DNS:localhost,IP:127.0.0.1`. */
  certificate(name: string, subject: string, names = ''): void {
    this.#key(name);
    const extensions = ['keyUsage=critical,digitalSignature', 'extendedKeyUsage=serverAuth,clientAuth'];
    if (names !== '') extensions.push(`subjectAltName=${names}`);
    writeFileSync(this.path(`${name}.ext`), `${extensions.join('\n')}\n`);
    this.#openssl(['req', '-new', '-key', `${name}.key`, '-subj', subject, '-out', `${name}.csr`]);
    this.#openssl([
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      'ca.crt',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-days',
      '30',
      '-extfile',
      `${name}.ext`,
      '-out',
      `${name}.crt`,
    ]);
  }

  /** A kubeconfig for the holder of a certificate that is made for it. Path of the file. */
  kubeconfig(name: string, subject: string, server: string): string {
    this.certificate(name, subject);
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'test',
      clusters: [{ name: 'test', cluster: { server, 'certificate-authority': this.path('ca.crt') } }],
      users: [
        { name, user: { 'client-certificate': this.path(`${name}.crt`), 'client-key': this.path(`${name}.key`) } },
      ],
      contexts: [{ name: 'test', context: { cluster: 'test', user: name } }],
    };
    // JSON is YAML.
    writeFileSync(this.path(`${name}.kubeconfig`), JSON.stringify(config), { mode: 0o600 });
    return this.path(`${name}.kubeconfig`);
  }

  #key(name: string): void {
    this.#openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', `${name}.key`]);
  }

  #openssl(args: readonly string[]): void {
    execFileSync('openssl', args, { cwd: this.folder, stdio: 'pipe' });
  }
}
