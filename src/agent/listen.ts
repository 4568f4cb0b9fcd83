import { rmSync, writeFileSync } from 'node:fs';
import { isIP, type Socket } from 'node:net';
import { join } from 'node:path';
import type { sonde } from '#api';
import { type Access, MachineError, makeServerIdentity, NetworkDoor, ownHosts, UserError } from '#door';

/** The agent's network door: opened when somebody on the machine says so, with a CA of its own each time. */
export class AgentDoor {
  readonly door: NetworkDoor;
  readonly #caFile: string;
  #opening: Promise<void> | undefined;
  #asked = '';
  #plaintext = false;

  constructor(dir: string, access: Access) {
    this.door = new NetworkDoor(access);
    this.#caFile = join(dir, 'ca.pem');
  }

  /** What `px agent status` says of it. */
  get status(): { listen: string; plaintext: boolean; caFile: string } {
    const listen = this.door.address;
    if (listen === undefined) return { listen: '', plaintext: false, caFile: '' };
    return { listen, plaintext: this.#plaintext, caFile: this.#plaintext ? '' : this.#caFile };
  }

  /**
   * Opens the door; `connect` gets every connection. Asked for what is there already, it changes nothing.
   * @throws UserError for plaintext that would leave the machine, or when it is open elsewhere; MachineError when the address cannot be had
   */
  async open(request: sonde.ListenRequest, connect: (socket: Socket) => void): Promise<sonde.ListenReply> {
    const asked = JSON.stringify([request.address, request.port, request.plaintext]);
    if (this.#asked !== '' && this.#asked !== asked) {
      await this.#opening;
      throw new UserError(`the agent listens on ${this.status.listen} already; \`px agent stop\` ends that`);
    }
    if (request.plaintext && !request.plaintextOverNetwork && !isLoopback(request.address)) {
      throw new UserError(
        `without TLS, tokens and rows could be read on the way to ${request.address}: leave out --plaintext, listen on 127.0.0.1, or add --plaintext-over-network if something else protects that way`,
      );
    }
    this.#asked = asked;
    this.#opening ??= this.#open(request, connect);
    try {
      await this.#opening;
    } catch (error) {
      this.#asked = '';
      this.#opening = undefined;
      throw new MachineError(
        `cannot listen on ${request.address}, port ${request.port}: ${(error as NodeJS.ErrnoException).message}`,
        { cause: error },
      );
    }
    const { listen, caFile } = this.status;
    return { listen, caFile };
  }

  close(): void {
    this.door.close();
    rmSync(this.#caFile, { force: true });
  }

  async #open({ address, port, plaintext }: sonde.ListenRequest, connect: (socket: Socket) => void): Promise<void> {
    this.#plaintext = plaintext;
    const identity = plaintext ? undefined : makeServerIdentity(ownHosts(address));
    // Before the first connection can be made.
    if (identity) writeFileSync(this.#caFile, identity.ca, { mode: 0o644 });
    await this.door.open({ address, port, identity }, connect);
  }
}

function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || (isIP(address) === 4 && address.startsWith('127.'));
}
