/** Offers as browsers and other stacks might make them: real ones, with a few lines changed. */

/** A whole number below a bound, from a seed that repeats it. */
export function numbers(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    // The generator of Numerical Recipes; its upper bits are good enough to choose lines by.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

/** Lines that RFC 8866 allows and that mean nothing to an SFU, for the session and for a section. */
const SESSION_LINES = [
  "i=words",
  "u=http://example.org/",
  "e=a@example.org",
  "p=+1 617 555-6011",
  "b=CT:128",
  "k=prompt",
];
const SECTION_LINES = [
  "i=title",
  "b=AS:64",
  "b=TIAS:64000",
  "k=prompt",
  "a=odd",
  "a=odd:value",
  "a=ptime:20",
];
const DIRECTIONS = ["sendrecv", "sendonly", "recvonly", "inactive"];
const MIDS = ["mic-0", "cam.1", "a+b", "microphone1234567", "x0", "m".repeat(64)];

interface Sdp {
  session: string[];
  sections: string[][];
}

function read(sdp: string): Sdp {
  const lines = sdp.split(/\r?\n/).filter((line) => line !== "");
  const first = lines.findIndex((line) => line.startsWith("m="));
  const read: Sdp = { session: first < 0 ? lines : lines.slice(0, first), sections: [] };
  for (const line of first < 0 ? [] : lines.slice(first)) {
    if (line.startsWith("m=")) read.sections.push([]);
    read.sections.at(-1)?.push(line);
  }
  return read;
}

const write = ({ session, sections }: Sdp): string => `${[...session, ...sections.flat()].join("\r\n")}\r\n`;
const isDirection = (line: string) => DIRECTIONS.includes(line.slice(2));

type Change = (sdp: Sdp, roll: (bound: number) => number) => void;

const pick = <T>(from: readonly T[], roll: (bound: number) => number): T | undefined =>
  from[roll(from.length)];
const without = (lines: string[], matches: (line: string) => boolean) =>
  lines.filter((line) => !matches(line));

function rename(sdp: Sdp, section: string[], name: string): void {
  const place = section.findIndex((line) => line.startsWith("a=mid:"));
  const before = section[place]?.slice(6);
  if (before === undefined) return;
  section[place] = `a=mid:${name}`;
  sdp.session = sdp.session.map((line) =>
    line.startsWith("a=group:")
      ? line
          .split(" ")
          .map((word) => (word === before ? name : word))
          .join(" ")
      : line,
  );
}

function unbundle(sdp: Sdp, section: string[]): void {
  const mid = section.find((line) => line.startsWith("a=mid:"))?.slice(6);
  sdp.session = sdp.session.map((line) =>
    line.startsWith("a=group:BUNDLE")
      ? line
          .split(" ")
          .filter((word) => word !== mid)
          .join(" ")
      : line,
  );
}

/** What may become of an offer. */
const CHANGES: Record<string, Change> = {
  reject: (sdp, roll) => {
    const section = pick(sdp.sections, roll);
    if (!section?.[0]) return;
    unbundle(sdp, section);
    section[0] = section[0].replace(/^m=(\S+) \d+/, "m=$1 0");
  },
  "reject barely": (sdp, roll) => {
    const place = roll(sdp.sections.length);
    const section = sdp.sections[place];
    if (!section?.[0]) return;
    unbundle(sdp, section);
    const mids = section.filter((line) => line.startsWith("a=mid:"));
    sdp.sections[place] = [section[0].replace(/^m=(\S+) \d+/, "m=$1 0"), "c=IN IP4 0.0.0.0", ...mids];
  },
  "no direction": (sdp, roll) => {
    const place = roll(sdp.sections.length);
    sdp.sections[place] = without(sdp.sections[place] ?? [], isDirection);
  },
  "another direction": (sdp, roll) => {
    const place = roll(sdp.sections.length);
    const direction = `a=${pick(DIRECTIONS, roll)}`;
    sdp.sections[place] = (sdp.sections[place] ?? []).map((line) => (isDirection(line) ? direction : line));
  },
  "the session's direction": (sdp, roll) => void sdp.session.push(`a=${pick(DIRECTIONS, roll)}`),
  "another mid": (sdp, roll) => {
    const [section, name] = [pick(sdp.sections, roll), pick(MIDS, roll)];
    const taken = sdp.sections.some((lines) => lines.includes(`a=mid:${name}`));
    if (section && name && !taken) rename(sdp, section, name);
  },
  "no bundle": (sdp) => {
    sdp.session = without(sdp.session, (line) => line.startsWith("a=group:"));
  },
  "out of the bundle": (sdp, roll) => unbundle(sdp, pick(sdp.sections, roll) ?? []),
  "a line of the session": (sdp, roll) => {
    const line = pick(SESSION_LINES, roll);
    // In RFC 8866 their order is fixed: after the name.
    if (line) sdp.session.splice(1 + sdp.session.findIndex((known) => known.startsWith("s=")), 0, line);
  },
  "a line of a section": (sdp, roll) => {
    const line = pick(SECTION_LINES, roll);
    const section = pick(sdp.sections, roll);
    const place = line?.startsWith("i=") ? 1 : line?.startsWith("a=") ? (section?.length ?? 0) : 2;
    if (line) section?.splice(place, 0, line);
  },
  "another name": (sdp, roll) => {
    const name = pick(["s= ", "s=a call", "s=-"], roll) ?? "";
    sdp.session = sdp.session.map((line) => (line.startsWith("s=") ? name : line));
  },
  "other times": (sdp) => {
    sdp.session = sdp.session.map((line) => (line.startsWith("t=") ? "t=2873397496 2873404696" : line));
  },
  "another session id": (sdp, roll) => {
    const id = pick(["0", "1", "9223372036854775807", "18446744073709551616"], roll);
    sdp.session = sdp.session.map((line) => line.replace(/^(o=\S+) \d+/, `$1 ${id}`));
  },
  "no stream": (sdp, roll) => {
    const place = roll(sdp.sections.length);
    sdp.sections[place] = without(sdp.sections[place] ?? [], (line) => /^a=msid:| msid:/.test(line));
  },
  "one word for the stream": (sdp, roll) => {
    const place = roll(sdp.sections.length);
    sdp.sections[place] = (sdp.sections[place] ?? []).map((line) =>
      line.startsWith("a=msid:") ? "a=msid:stream" : line,
    );
  },
  "no extensions": (sdp, roll) => {
    const place = roll(sdp.sections.length);
    sdp.sections[place] = without(sdp.sections[place] ?? [], (line) => line.startsWith("a=extmap:"));
  },
  "no SSRCs": (sdp, roll) => {
    const place = roll(sdp.sections.length);
    sdp.sections[place] = without(sdp.sections[place] ?? [], (line) => line.startsWith("a=ssrc"));
  },
  "no feedback": (sdp, roll) => {
    const place = roll(sdp.sections.length);
    sdp.sections[place] = without(sdp.sections[place] ?? [], (line) => line.startsWith("a=rtcp-fb:"));
  },
  "the transport in the session": (sdp) => {
    const of = (line: string) => /^a=(ice-ufrag|ice-pwd|fingerprint|setup):/.test(line);
    sdp.session.push(...(sdp.sections[0] ?? []).filter(of));
    sdp.sections = sdp.sections.map((section) => without(section, of));
  },
  "a line less": (sdp, roll) => void pick(sdp.sections, roll)?.splice(1 + roll(30), 1),
  "a line twice": (sdp, roll) => {
    const section = pick(sdp.sections, roll);
    const place = 1 + roll(Math.max(1, (section?.length ?? 0) - 1));
    const line = section?.[place];
    if (line) section?.splice(place, 0, line);
  },
  "sections in another order": (sdp) => {
    sdp.sections.reverse();
    sdp.session = sdp.session.map((line) => {
      const [group, ...mids] = line.split(" ");
      return line.startsWith("a=group:BUNDLE") ? [group, ...mids.reverse()].join(" ") : line;
    });
  },
  "another profile": (sdp, roll) => {
    const profile = pick(["UDP/TLS/RTP/SAVP", "RTP/SAVPF", "RTP/AVPF", "TCP/DTLS/RTP/SAVPF"], roll) ?? "";
    const section = pick(sdp.sections, roll);
    if (section?.[0]) section[0] = section[0].replace("UDP/TLS/RTP/SAVPF", profile);
  },
  "bundle only": (sdp) => {
    for (const section of sdp.sections.slice(1)) {
      if (!section[0]) continue;
      section[0] = section[0].replace(/^m=(\S+) \d+/, "m=$1 0");
      section.push("a=bundle-only");
    }
  },
};

/** One of the offers, changed up to three times; and how. */
export function changed(offers: readonly string[], seed: number): { offer: string; changes: string[] } {
  const roll = numbers(seed);
  const sdp = read(pick(offers, roll) ?? "");
  const names = Object.keys(CHANGES);
  const changes = Array.from({ length: 1 + roll(3) }, () => pick(names, roll) ?? "");
  for (const name of changes) CHANGES[name]?.(sdp, roll);
  return { offer: write(sdp), changes };
}

/** What was said about each media section of a description. */
export interface Outline {
  /** `m=` line, `mid` and whether it is rejected, of each section. */
  sections: { line: string; mid: string | undefined; rejected: boolean }[];
  /** The mids of its first BUNDLE group. */
  bundle: string[] | undefined;
}

export function outline(sdp: string): Outline {
  const { session, sections } = read(sdp);
  const bundle = session
    .find((line) => line.startsWith("a=group:BUNDLE"))
    ?.split(" ")
    .slice(1);
  return {
    bundle,
    sections: sections.map((lines) => {
      const mid = lines.find((line) => line.startsWith("a=mid:"))?.slice(6);
      const rejected = /^m=\S+ 0 /.test(lines[0] ?? "") && !(mid !== undefined && bundle?.includes(mid));
      return { line: lines[0] ?? "", mid, rejected };
    }),
  };
}
