import type { Peer, Self } from "@arbiter/client";
import { nameOf } from "../people.ts";

/** Somebody, or somebody's shared screen, as a tile shows it. */
export interface Participant {
  /** Different for a person and their screen. */
  key: string;
  id: string;
  kind: "person" | "screen";
  /** What the tile says: "You" for this person. */
  name: string;
  /** The name behind "You". */
  fullName: string;
  self: boolean;
  stream: MediaStream | undefined;
  /** There is a picture to show. */
  video: boolean;
  muted: boolean;
  speaking: boolean;
  /** What to say about the connection, if it is not well. */
  status: string | undefined;
}

/** This person and all others, then the shared screens, the newest last. */
export function participantsOf(
  self: Self,
  peers: readonly Peer[],
): { people: Participant[]; screens: Participant[] } {
  const people = [own(self), ...peers.map(other)];
  const screens = peers
    .filter((peer) => peer.screen)
    .map((peer) => screenOf(peer, nameOf(peer.features), false));
  if (self.screen && !isWholeMonitor(self.screen)) screens.unshift(screenOf(self, "You", true));
  return { people, screens };
}

function own(self: Self): Participant {
  return {
    ...about(self),
    name: "You",
    fullName: nameOf(self.features),
    self: true,
    status: undefined,
  };
}

function other(peer: Peer): Participant {
  return {
    ...about(peer),
    name: nameOf(peer.features),
    fullName: nameOf(peer.features),
    self: false,
    status:
      peer.state === "reconnecting"
        ? "Reconnecting…"
        : peer.state === "connecting"
          ? "Connecting…"
          : undefined,
  };
}

function about({
  id,
  features,
  camera,
}: Self | Peer): Omit<Participant, "name" | "fullName" | "self" | "status"> {
  return {
    key: id,
    id,
    kind: "person",
    stream: camera,
    video: features.video && (camera?.getVideoTracks().length ?? 0) > 0,
    muted: !features.audio,
    speaking: features.speaking === true && features.audio,
  };
}

function screenOf({ id, screen }: Self | Peer, name: string, self: boolean): Participant {
  const title = self ? "Your screen" : `${name}'s screen`;
  return {
    key: `${id} screen`,
    id,
    kind: "screen",
    name: title,
    fullName: title,
    self,
    stream: screen,
    video: true,
    muted: false,
    speaking: false,
    status: undefined,
  };
}

/** A whole monitor shown on itself is a hall of mirrors. */
export function isWholeMonitor(stream: MediaStream): boolean {
  return stream.getVideoTracks()[0]?.getSettings?.().displaySurface === "monitor";
}

/** How many tiles there are at most. */
export const MOST_TILES = 16;

/** Who gets a tile when there are more than `most`: whoever speaks comes before whoever does not. The last place goes to the number of the rest. */
export function visibleOf(
  people: readonly Participant[],
  most = MOST_TILES,
): { shown: Participant[]; hidden: Participant[] } {
  if (people.length <= most) return { shown: [...people], hidden: [] };
  const ranked = [...people].sort((a, b) => rank(b) - rank(a));
  const chosen = new Set(ranked.slice(0, most - 1));
  return { shown: people.filter((one) => chosen.has(one)), hidden: people.filter((one) => !chosen.has(one)) };
}

function rank(one: Participant): number {
  return one.self ? 2 : one.speaking ? 1 : 0;
}
