import type { vizier } from '#api';
import { UserError } from './errors.ts';

/** Makes a message readable for the holder of one key only: JWE (RFC 7516) in its compact form. */
export type Seal = (plain: Uint8Array) => Promise<Uint8Array>;

/** An RSA key of 16384 bits is shorter, and longer ones are nobody's. */
const longestKey = 8192;

/**
 * By the key that a request brought: RSA-OAEP-256 and A256GCM, deflated if it asks for that; as all of Pixie's clients want it. Undefined when it brought none.
 * @throws UserError for a key or an algorithm that is not served
 */
export async function sealFor(
  options: vizier.ExecuteScriptRequest_EncryptionOptions | undefined,
): Promise<Seal | undefined> {
  if (!options?.jwkKey) return undefined;
  const { jwkKey, keyAlg, contentAlg, compressionAlg } = options;
  if (keyAlg !== 'RSA-OAEP-256' || contentAlg !== 'A256GCM' || !['', 'DEF'].includes(compressionAlg)) {
    throw new UserError(
      `rows cannot be encrypted by ${keyAlg}, ${contentAlg} and compression ${compressionAlg || 'none'}: only by RSA-OAEP-256, A256GCM and DEF or none`,
    );
  }
  // Few need it: the library is loaded when somebody does.
  const { CompactEncrypt, importJWK } = await import('jose');
  const header = { alg: keyAlg, enc: contentAlg, ...(compressionAlg === '' ? {} : { zip: compressionAlg }) };
  try {
    if (jwkKey.length > longestKey) throw new RangeError(`it is longer than ${longestKey} characters`);
    const { kty, n, e } = JSON.parse(jwkKey) as Record<string, string>;
    const key = await importJWK({ kty: kty ?? '', n: n ?? '', e: e ?? '' }, keyAlg);
    const seal: Seal = async (plain) =>
      new TextEncoder().encode(await new CompactEncrypt(plain).setProtectedHeader(header).encrypt(key));
    // A key that is too short, or none for encryption, is found out before anything is done.
    await seal(new Uint8Array());
    return seal;
  } catch (error) {
    throw new UserError(`the key for the encryption of rows cannot be used: ${(error as Error).message}`);
  }
}
