import { describe, expect, test } from "vitest";
import { type Change, Roster } from "../../src/opentok/roster.js";
import type { Connection } from "../../src/opentok/types.js";
import { type Random, runs } from "../support/random.js";

const stay = (connectionId: string, creationTime: number): Connection => ({
  connectionId,
  creationTime,
  data: "",
});
const said = (changes: Change[]) =>
  changes.map(
    ({ type, connection: { connectionId, creationTime } }) =>
      `${type === "connectionCreated" ? "+" : "-"}${connectionId}${creationTime}`,
  );

describe("who is there", () => {
  test("a removal wins, also when it comes first", () => {
    const roster = new Roster("me");
    expect(said(roster.destroyed(stay("a", 1), "clientDisconnected"))).toEqual([]);
    expect(said(roster.created(stay("a", 1)))).toEqual([]);
    expect(said(roster.list([stay("a", 1), stay("b", 1)]))).toEqual(["+b1"]);
  });

  test("this client is none of the others", () => {
    const roster = new Roster("me");
    expect(said(roster.list([stay("me", 1), stay("a", 1)]))).toEqual(["+a1"]);
    expect(said(roster.created(stay("me", 2)))).toEqual([]);
    expect(said(roster.destroyed(stay("me", 1), "networkDisconnected"))).toEqual([]);
  });

  test("who comes again has gone before, and the late word of that changes nothing", () => {
    const roster = new Roster("me");
    expect(said(roster.created(stay("a", 1)))).toEqual(["+a1"]);
    expect(said(roster.created(stay("a", 2)))).toEqual(["-a1", "+a2"]);
    expect(said(roster.destroyed(stay("a", 1), "networkDisconnected"))).toEqual([]);
    expect(said(roster.created(stay("a", 1)))).toEqual([]);
    expect([...roster.present.values()]).toEqual([stay("a", 2)]);
  });

  test("a list is whole: who is not in it has lost the network, who is new has come", () => {
    const roster = new Roster("me");
    roster.list([stay("a", 1), stay("b", 1)]);
    expect(roster.list([stay("b", 1), stay("c", 2)])).toMatchObject([
      { type: "connectionDestroyed", reason: "networkDisconnected", connection: { connectionId: "a" } },
      { type: "connectionCreated", connection: { connectionId: "c" } },
    ]);
  });

  test("an older list does not undo what was told since it was asked for, until a newer one does", () => {
    const roster = new Roster("me");
    roster.list([stay("a", 1)]);
    roster.expectList();
    roster.created(stay("b", 2));
    roster.destroyed(stay("a", 1), "clientDisconnected");
    expect(roster.list([stay("a", 1)])).toEqual([]);
    expect([...roster.present.keys()]).toEqual(["b"]);
    roster.expectList();
    expect(said(roster.list([]))).toEqual(["-b2"]);
  });
});

/** A session as the gateway has it, a client in it, and the posts between them: in any order, lost with a socket. */
class Model {
  readonly truth = new Map<string, Connection>();
  readonly told: string[] = [];
  roster: Roster | undefined;
  #clock = 1;
  #joined = false;
  #posts: ((roster: Roster) => Change[])[] = [];

  constructor(readonly random: Random) {}

  /** Somebody comes, goes, or comes back. */
  happen(): void {
    for (let times = this.random.below(4); times > 0; times -= 1) {
      const id = `p${this.random.below(6)}`;
      const before = this.truth.get(id);
      this.#clock += 1;
      if (before) {
        this.truth.delete(id);
        this.#post((roster) => roster.destroyed(before, "clientDisconnected"));
      }
      if (before && this.random.chance(0.6)) continue;
      const connection = stay(id, this.#clock);
      this.truth.set(id, connection);
      this.#post((roster) => roster.created(connection));
    }
  }

  /** Some of what was posted arrives. */
  arrive(all = false): void {
    if (!this.roster) return;
    while (this.#posts.length > 0 && (all || this.random.chance(0.6))) {
      const post = this.random.draw(this.#posts);
      if (post) this.#tell(post(this.roster));
    }
  }

  /** Another socket, as the one before broke or is to be replaced; the first one too. */
  socket(broken: boolean): void {
    if (broken) this.#break();
    const renewal = this.#joined;
    this.#step();
    this.roster?.expectList();
    this.#step();
    // The gateway writes the member, and closes the old socket: what was posted to that may be lost.
    const old = this.#posts.filter(() => this.random.chance(0.5));
    this.#posts = old;
    this.#joined = true;
    this.#list();
    if (!renewal) return;
    this.#step();
    // The old socket is gone: the list is asked for again.
    this.#posts = this.#posts.filter((post) => !old.includes(post));
    this.roster?.expectList();
    this.#list();
  }

  #break(): void {
    this.#joined = false;
    this.#posts = [];
  }

  #list(): void {
    this.#step();
    const list = [...this.truth.values()];
    this.#step();
    this.roster ??= new Roster("me");
    this.#tell(this.roster.list(list));
  }

  #step(): void {
    this.happen();
    this.arrive();
  }

  #post(post: (roster: Roster) => Change[]): void {
    if (!this.#joined) return;
    this.#posts.push(post);
    if (this.random.chance(0.1)) this.#posts.push(post);
  }

  #tell(changes: Change[]): void {
    this.told.push(...said(changes));
  }
}

test("whatever comes in whatever order: in the end it is the gateway's list, each created once and destroyed once", () => {
  runs(5_000, (random) => {
    const model = new Model(random);
    model.happen();
    model.socket(false);
    for (let step = random.below(12); step > 0; step -= 1) {
      model.happen();
      model.arrive();
      if (random.chance(0.2)) model.socket(random.chance(0.5));
    }
    model.arrive(true);
    const present = [...(model.roster?.present.values() ?? [])]
      .map(({ creationTime }) => creationTime)
      .sort();
    expect(present).toEqual([...model.truth.values()].map(({ creationTime }) => creationTime).sort());
    expect(new Set(model.told).size).toBe(model.told.length);
    for (const [at, word] of model.told.entries()) {
      if (word.startsWith("-")) expect(model.told.slice(0, at)).toContain(`+${word.slice(1)}`);
    }
    const there = new Set<string>();
    for (const word of model.told) {
      if (word.startsWith("+")) there.add(word.slice(1));
      else there.delete(word.slice(1));
    }
    expect(there.size).toBe(present.length);
  });
});
