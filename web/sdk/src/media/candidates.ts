/** Candidates that come within so long of each other travel together, in milliseconds. */
const BATCH_MS = 50;
/** The gateway takes no more in one batch. */
const MOST_IN_BATCH = 64;
/** More than any honest peer sends before its description. */
const MOST_HELD = 128;

/** How the room's SFU takes candidates: none when it needs none, many at once, or one by one. */
export type CandidateStyle = "none" | "batch" | "single";

/** Reads the style from what the SFU announced (docs/MEDIA.md, "Connections"). */
export function candidateStyle(features: readonly string[]): CandidateStyle {
  if (features.includes("ice-lite")) return "none";
  return features.includes("candidates") ? "batch" : "single";
}

/** Sends the candidates of one local description in the way that the SFU takes them. */
export class CandidateSender {
  readonly #style: () => CandidateStyle;
  readonly #send: (
    content: { candidate: RTCIceCandidateInit } | { candidates: RTCIceCandidateInit[] },
  ) => void;
  #batch: RTCIceCandidateInit[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    style: () => CandidateStyle,
    send: (content: { candidate: RTCIceCandidateInit } | { candidates: RTCIceCandidateInit[] }) => void,
  ) {
    this.#style = style;
    this.#send = send;
  }

  /** Takes what a connection found; `null` and an empty one say that there are no more. */
  found(candidate: RTCIceCandidateInit | null): void {
    const style = this.#style();
    if (style === "none") return;
    if (!candidate?.candidate) {
      this.flush();
      return;
    }
    if (style === "single") {
      this.#send({ candidate });
      return;
    }
    this.#batch.push(candidate);
    if (this.#batch.length >= MOST_IN_BATCH) {
      this.flush();
      return;
    }
    this.#timer ??= setTimeout(() => this.flush(), BATCH_MS);
  }

  /** Sends what is there. */
  flush(): void {
    this.end();
    if (this.#batch.length > 0) this.#send({ candidates: this.#batch.splice(0) });
  }

  /** Sends nothing more by itself. */
  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** Holds the other side's candidates until their description is there; those of an older generation of ICE never get one. */
export class CandidateBox {
  #held: RTCIceCandidateInit[] = [];
  #ufrag: string | undefined;

  /** The remote description is set: gives the candidates that waited for it. */
  described(ufrag: string): RTCIceCandidateInit[] {
    this.#ufrag = ufrag;
    const held = this.#held;
    this.#held = [];
    return this.add(held);
  }

  /** Takes candidates as they come; gives those that can be used now. */
  add(candidates: readonly RTCIceCandidateInit[]): RTCIceCandidateInit[] {
    const now: RTCIceCandidateInit[] = [];
    for (const candidate of candidates) {
      if (!isUsable(candidate)) continue;
      const ufrag = candidate.usernameFragment ?? undefined;
      if (this.#ufrag !== undefined && (ufrag === undefined || ufrag === this.#ufrag)) now.push(candidate);
      else if (this.#held.length < MOST_HELD) this.#held.push(candidate);
    }
    return now;
  }
}

/** Neither empty, nor a name that only the other machine can resolve. */
function isUsable(candidate: RTCIceCandidateInit): boolean {
  const text = candidate?.candidate;
  return typeof text === "string" && text !== "" && text.split(" ")[4]?.endsWith(".local") === false;
}
