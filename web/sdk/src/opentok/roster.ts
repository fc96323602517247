import { remember } from "../recent.js";
import type { Connection, DestroyReason } from "./types.js";

/** Stays that are over and remembered, so that a late word of them does not bring them back: as many as a session may hold. */
const MOST_GONE = 15_000;

/** One change of who is there. */
export type Change =
  | { type: "connectionCreated"; connection: Connection }
  | { type: "connectionDestroyed"; connection: Connection; reason: DestroyReason };

/**
 * Who else is in a session. What is told comes in any order and from two sources, events and whole lists; a stay is known by its
 * connection and its beginning, is created at most once, and when it is over it stays so.
 */
export class Roster {
  readonly #own: string;
  readonly #present = new Map<string, Connection>();
  readonly #gone = new Set<string>();
  /** Stays that an event has told of since the list that is under way was asked for. */
  readonly #fresh = new Set<string>();

  /** `own`: this client's `connectionId`, which is none of the others. */
  constructor(own: string) {
    this.#own = own;
  }

  /** Who is there, by `connectionId`. Live. */
  get present(): ReadonlyMap<string, Connection> {
    return this.#present;
  }

  /** A list is being asked for: events from here on may be newer than what it says. */
  expectList(): void {
    this.#fresh.clear();
  }

  /** Somebody came. */
  created(connection: Connection): Change[] {
    const changes = this.#add(connection);
    if (changes.length > 0) this.#fresh.add(key(connection));
    return changes;
  }

  /** Somebody went, who may not have come yet as far as we know. */
  destroyed(stay: Pick<Connection, "connectionId" | "creationTime">, reason: DestroyReason): Change[] {
    this.#bury(stay);
    const connection = this.#present.get(stay.connectionId);
    if (connection?.creationTime !== stay.creationTime) return [];
    this.#present.delete(stay.connectionId);
    return [{ type: "connectionDestroyed", connection, reason }];
  }

  /** Who is there, all of them. Who is known and not in it has gone, unless an event told of them since it was asked for. */
  list(connections: readonly Connection[]): Change[] {
    const listed = new Set(connections.map(key));
    const missing = [...this.#present.values()].filter(
      (connection) => !listed.has(key(connection)) && !this.#fresh.has(key(connection)),
    );
    return [
      ...missing.flatMap((connection) => this.destroyed(connection, "networkDisconnected")),
      ...connections.flatMap((connection) => this.#add(connection)),
    ];
  }

  #add(connection: Connection): Change[] {
    const { connectionId, creationTime } = connection;
    if (connectionId === this.#own || this.#gone.has(key(connection))) return [];
    const before = this.#present.get(connectionId);
    // An earlier stay of somebody who has come again since: its end is on its way, and changes nothing.
    if (before && before.creationTime >= creationTime) return [];
    // A later one: what ended the one before was a lost socket, of which we have not heard yet.
    const ended = before ? this.destroyed(before, "networkDisconnected") : [];
    this.#present.set(connectionId, connection);
    return [...ended, { type: "connectionCreated", connection }];
  }

  #bury(stay: Pick<Connection, "connectionId" | "creationTime">): void {
    remember(this.#gone, key(stay), MOST_GONE);
  }
}

function key({ connectionId, creationTime }: Pick<Connection, "connectionId" | "creationTime">): string {
  return `${connectionId} ${creationTime}`;
}
