import type { Capabilities, Connection, Stream } from "@arbiter/client";
import { isWholeMonitor, type Participant } from "../call/participants.ts";
import { NAMELESS } from "../people.ts";
import type { OwnStream, RemoteStream, SessionSnapshot } from "./sessionStore.ts";

/** Somebody in the session. */
export interface Member {
  /** The `connectionId`. */
  readonly id: string;
  readonly name: string;
  readonly self: boolean;
  /** As the token's data has it; one's own as the gateway says it. */
  readonly role: string | undefined;
  /** What they publish. */
  readonly streams: readonly Stream[];
}

/** Everybody in the session, this person first. */
export function membersOf(snapshot: SessionSnapshot, ownName: string): Member[] {
  const { connection, capabilities, connections, streams } = snapshot;
  const others = connections.map((other) => {
    const theirs = streams
      .map(({ stream }) => stream)
      .filter((one) => one.connectionId === other.connectionId);
    return member(other, theirs.find(({ name }) => name.trim() !== "")?.name, theirs);
  });
  if (!connection || !capabilities) return others;
  return [{ ...member(connection, ownName, []), self: true, role: roleOf(capabilities) }, ...others];
}

function member(connection: Connection, name: string | undefined, streams: readonly Stream[]): Member {
  const data = dataOf(connection.data);
  return {
    id: connection.connectionId,
    name: name?.trim() || data.name || NAMELESS,
    self: false,
    role: data.role,
    streams,
  };
}

/** What the server has said of somebody in the token's data: `name=Ann&role=moderator`, a JSON object with these, or a name alone. */
export function dataOf(data: string): { name: string | undefined; role: string | undefined } {
  const fields = data.trim().startsWith("{") ? jsonOf(data) : new Map(new URLSearchParams(data));
  const text = (key: string) => {
    const value = fields.get(key);
    return typeof value === "string" && value.trim() !== "" ? value.trim() : undefined;
  };
  const alone = fields.size === 1 && fields.get(data) === "" ? data.trim() : undefined;
  return { name: text("name") ?? alone, role: text("role") };
}

function jsonOf(data: string): Map<string, unknown> {
  try {
    return new Map(Object.entries(JSON.parse(data)));
  } catch {
    return new Map();
  }
}

/** The role that allows this, in OpenTok's words. */
export function roleOf({ publish, subscribe, forceDisconnect }: Capabilities): string {
  if (forceDisconnect) return "moderator";
  if (!publish) return "subscriber";
  return subscribe ? "publisher" : "publisheronly";
}

/** What is published, as tiles: this person's own first, and the screens by themselves. */
export function tilesOf(
  snapshot: SessionSnapshot,
  members: readonly Member[],
): { people: Participant[]; screens: Participant[] } {
  const nameOf = (id: string) => members.find((one) => one.id === id)?.name ?? NAMELESS;
  const { own, screen, connection, streams, speaking } = snapshot;
  const tiles = streams.map((one) => {
    const { connectionId } = one.stream;
    return remoteTile(one, nameOf(connectionId), speaking.has(connectionId));
  });
  if (connection) {
    const { connectionId: id } = connection;
    if (screen && !isWholeMonitor(screen)) tiles.unshift(ownScreen(screen, id));
    if (own) tiles.unshift(ownTile(own, id, nameOf(id), speaking.has(id)));
  }
  return {
    people: tiles.filter(({ kind }) => kind === "person"),
    screens: tiles.filter(({ kind }) => kind === "screen"),
  };
}

function ownTile(
  { media, audio, video, published }: OwnStream,
  id: string,
  fullName: string,
  speaks: boolean,
): Participant {
  return {
    ...{ key: "own", id, kind: "person", name: "You", fullName, self: true, stream: media },
    ...{ video, muted: !audio, speaking: speaks && audio },
    status: published ? undefined : "Publishing…",
  };
}

function ownScreen(stream: MediaStream, id: string): Participant {
  const name = "Your screen";
  return {
    ...{ key: "own screen", id, kind: "screen", name, fullName: name, self: true, stream },
    ...{ video: true, muted: false, speaking: false, status: undefined },
  };
}

function remoteTile(
  { stream, media, connected, lost }: RemoteStream,
  of: string,
  speaks: boolean,
): Participant {
  const isScreen = stream.videoType === "screen";
  const name = stream.name.trim() || of;
  const title = isScreen ? `${of}'s screen` : name;
  return {
    ...{ key: stream.streamId, id: stream.connectionId, kind: isScreen ? "screen" : "person" },
    ...{ name: title, fullName: title, self: false, stream: media },
    speaking: speaks && stream.hasAudio && !isScreen && !lost,
    video: stream.hasVideo && connected,
    muted: !stream.hasAudio,
    status: statusOf(media, connected, lost),
  };
}

function statusOf(media: MediaStream | undefined, connected: boolean, lost: boolean): string | undefined {
  if (lost) return "Connection lost";
  return media && !connected ? "Connecting…" : undefined;
}
