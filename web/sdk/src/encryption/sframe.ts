/** SFrame (RFC 9605) with the cipher suite AES_256_GCM_SHA512_128, over WebCrypto. */

/** What this code makes and takes: never a view of shared memory. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** The suite's number (RFC 9605 §8.1), and its sizes in bytes. */
const SUITE = { number: 5, hash: "SHA-512", key: 32, nonce: 12 } as const;
/**
 * PBKDF2's iterations: what OWASP asks for with SHA-512. Whoever guesses pays them for each guess, a client once for each secret: 0.1 s
 * on a laptop, and under a second on a slow phone.
 */
const ITERATIONS = 210_000;
/** How far back a frame may come and be taken, in frames of its sender: retransmissions arrive late. */
const WINDOW = 1_024n;
/** So many keys of one stream are remembered. A sender has one more whenever its page is loaded or its secret is set. */
const MOST_KEYS = 64;

const text = new TextEncoder();

/** What a secret and a session give: everything else is derived from it. The same secret in another session gives another. */
export async function stretch(secret: string, sessionId: string): Promise<CryptoKey> {
  // Keyboards differ in how they write an é.
  const typed = await crypto.subtle.importKey("raw", text.encode(secret.normalize("NFC")), "PBKDF2", false, [
    "deriveBits",
  ]);
  const salt = text.encode(`Arbiter 1 session ${sessionId}`);
  const stretched = { name: "PBKDF2", hash: SUITE.hash, salt, iterations: ITERATIONS };
  return baseKey(await crypto.subtle.deriveBits(stretched, typed, 512));
}

/** The base key (RFC 9605 §4.4.2) of one stream: its frames are those of no other, whoever says so. */
export async function streamKey(stretched: CryptoKey, streamId: string): Promise<CryptoKey> {
  return baseKey(await expand(stretched, text.encode(`Arbiter 1 stream ${streamId}`), 32));
}

/** Key material, for derivations only. */
export function baseKey(material: BufferSource): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", material, "HKDF", false, ["deriveBits"]);
}

async function expand(base: CryptoKey, info: Bytes, bytes: number): Promise<Bytes> {
  const hkdf = { name: "HKDF", hash: SUITE.hash, salt: new Uint8Array(), info };
  return new Uint8Array(await crypto.subtle.deriveBits(hkdf, base, bytes * 8));
}

/** One key id's key and salt. */
interface Keys {
  key: CryptoKey;
  salt: DataView<ArrayBuffer>;
}

async function keysOf(base: CryptoKey, kid: bigint): Promise<Keys> {
  const label = (what: string) => {
    const words = text.encode(`SFrame 1.0 Secret ${what} `);
    const whole = new Uint8Array(words.length + 10);
    whole.set(words);
    new DataView(whole.buffer).setBigUint64(words.length, kid);
    whole[whole.length - 1] = SUITE.number;
    return whole;
  };
  const [material, salt] = await Promise.all([
    expand(base, label("key"), SUITE.key),
    expand(base, label("salt"), SUITE.nonce),
  ]);
  const key = await crypto.subtle.importKey("raw", material, "AES-GCM", false, ["encrypt", "decrypt"]);
  return { key, salt: new DataView(salt.buffer) };
}

/** What AES-GCM is called with for one frame: each counter is one nonce of its key. */
function parameters({ salt }: Keys, counter: bigint, header: Bytes, clear: Bytes) {
  const iv = new Uint8Array(salt.buffer.slice(0));
  new DataView(iv.buffer).setBigUint64(4, salt.getBigUint64(4) ^ counter);
  return { name: "AES-GCM", iv, additionalData: concat(header, clear) };
}

/** Byte strings, one after the other. */
export function concat(...parts: Uint8Array[]): Bytes {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** The header of RFC 9605 §4.3. */
export function encodeHeader(kid: bigint, counter: bigint): Bytes {
  const [k, kidBytes] = field(kid);
  const [c, counterBytes] = field(counter);
  return concat(new Uint8Array([(k << 4) | c]), kidBytes, counterBytes);
}

/** Four bits, and the bytes that follow: small values are in the bits themselves. */
function field(value: bigint): [bits: number, bytes: Bytes] {
  if (value < 8n) return [Number(value), new Uint8Array()];
  const hex = value.toString(16);
  const length = Math.ceil(hex.length / 2);
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value);
  return [8 | (length - 1), bytes.slice(8 - length)];
}

/** What a header says, and how long it is. Nothing if the frame is too short for it. */
export function decodeHeader(
  frame: Uint8Array,
): { kid: bigint; counter: bigint; length: number } | undefined {
  const [config] = frame;
  if (config === undefined) return undefined;
  let length = 1;
  const read = (bits: number) => {
    if (bits < 8) return BigInt(bits);
    let value = 0n;
    for (const end = length + (bits & 7) + 1; length < end; length += 1)
      value = (value << 8n) | BigInt(frame[length] ?? 0);
    return value;
  };
  const kid = read(config >> 4);
  const counter = read(config & 15);
  return length <= frame.length ? { kid, counter, length } : undefined;
}

/**
 * Encrypts what one sender sends, under a key of its own.
 *
 * No nonce is used twice with a key: the key follows from the secret, the session, the stream and 64 random bits, which are drawn anew for
 * each sealer, and a sealer counts its frames, whichever layer of simulcast they are of.
 */
export class Sealer {
  #counter = 0n;

  private constructor(
    private readonly kid: bigint,
    private readonly keys: Keys,
  ) {}

  /** `base` is the stream's key; `kid` is given by tests alone. */
  static async create(base: CryptoKey, kid = randomKid(), counter = 0n): Promise<Sealer> {
    const sealer = new Sealer(kid, await keysOf(base, kid));
    sealer.#counter = counter;
    return sealer;
  }

  /** The SFrame ciphertext of a frame, which holds good only beside `clear`. */
  async seal(frame: Bytes, clear: Bytes): Promise<Bytes> {
    const counter = this.#counter;
    // Before the first await: a second call has another counter, whenever it comes.
    this.#counter += 1n;
    const header = encodeHeader(this.kid, counter);
    const sealed = await crypto.subtle.encrypt(
      parameters(this.keys, counter, header, clear),
      this.keys.key,
      frame,
    );
    return concat(header, new Uint8Array(sealed));
  }
}

function randomKid(): bigint {
  const [kid = 0n] = crypto.getRandomValues(new BigUint64Array(1));
  return kid;
}

/** What came of a frame: itself; nothing, as it came before; nothing, as it is of another secret or stream, altered or not encrypted. */
export type Opened = Bytes | "repeated" | "unreadable";

/** One sender's key, and which of its frames have come. */
interface Source extends Keys {
  newest: bigint;
  seen: Set<bigint>;
}

/** Decrypts what comes of one track of a stream, each frame once. One frame is opened after the other. */
export class Opener {
  /** The keys under which something authentic has come, the oldest first. */
  readonly #sources = new Map<bigint, Source>();
  /** The last key that was derived for an id: whoever sends nonsense under one id has it derived once. */
  #derived: { kid: bigint; source: Source } | undefined;

  /** `base` is the stream's key. */
  constructor(private readonly base: CryptoKey) {}

  /** Opens an SFrame ciphertext that came beside `clear`. */
  async open(sealed: Bytes, clear: Bytes): Promise<Opened> {
    const header = decodeHeader(sealed);
    if (!header) return "unreadable";
    const { kid, counter, length } = header;
    const source = this.#sources.get(kid) ?? (await this.#derive(kid));
    if (source.seen.has(counter) || counter + WINDOW <= source.newest) return "repeated";
    try {
      const aead = parameters(source, counter, sealed.slice(0, length), clear);
      const frame = await crypto.subtle.decrypt(aead, source.key, sealed.subarray(length));
      this.#count(kid, source, counter);
      return new Uint8Array(frame);
    } catch {
      return "unreadable";
    }
  }

  async #derive(kid: bigint): Promise<Source> {
    if (this.#derived?.kid === kid) return this.#derived.source;
    const source = { ...(await keysOf(this.base, kid)), newest: -1n, seen: new Set<bigint>() };
    this.#derived = { kid, source };
    return source;
  }

  /** Only what is authentic counts: nobody else's frame keeps a later one out. */
  #count(kid: bigint, source: Source, counter: bigint): void {
    this.#sources.set(kid, source);
    if (this.#sources.size > MOST_KEYS) {
      const [oldest] = this.#sources.keys();
      if (oldest !== undefined) this.#sources.delete(oldest);
    }
    source.seen.add(counter);
    if (counter > source.newest) source.newest = counter;
    if (source.seen.size > 2 * Number(WINDOW))
      for (const seen of source.seen) if (seen + WINDOW <= source.newest) source.seen.delete(seen);
  }
}
