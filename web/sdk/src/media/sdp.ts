/** What tells connections, and the generations of their ICE, apart (docs/MEDIA.md, "Connections"). */
export interface Identity {
  /** The DTLS certificate's: another one is another connection. */
  fingerprint: string;
  /** Another one under the same fingerprint is an ICE restart. */
  ufrag: string;
}

/** Reads the identity of a description. What is missing is empty. */
export function identityOf(sdp: string): Identity {
  const attribute = (name: string) =>
    sdp
      .match(new RegExp(`^a=${name}:(.*)$`, "m"))?.[1]
      ?.trim()
      .toLowerCase() ?? "";
  const ufrag = sdp.match(/^a=ice-ufrag:(.*)$/m)?.[1]?.trim() ?? "";
  return { fingerprint: attribute("fingerprint"), ufrag };
}
