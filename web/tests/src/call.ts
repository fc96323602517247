import type { Browser } from "playwright-core";
import { afterAll, beforeAll } from "vitest";
import { launch } from "./chromium";
import { Person } from "./person";
import { Stack, type StackOptions } from "./stack";

/** One browser and one gateway for the tests of a file, and a path of its own for each call. */
export class Calls {
  stack!: Stack;
  browser!: Browser;
  private people: Person[] = [];
  private calls = 0;

  /** Somebody opens the page of `path` and joins. */
  async open(path: string, name: string, options: { query?: string; script?: string } = {}): Promise<Person> {
    const url = this.stack.page(path, name) + (options.query ?? "");
    const person = await Person.open(this.browser, name, url, options.script);
    this.people.push(person);
    return person;
  }

  /** A path on which nobody has called yet. */
  path(): string {
    this.calls += 1;
    return `team/call-${this.calls}`;
  }

  /** Everybody of `names` in one call, who see and hear each other. */
  async of<const Names extends readonly string[]>(
    ...names: Names
  ): Promise<{ [Index in keyof Names]: Person }> {
    const path = this.path();
    const people: Person[] = [];
    for (const name of names) people.push(await (await this.open(path, name)).joined());
    for (const person of people)
      for (const name of names) if (name !== person.name) await person.seesAndHears(name);
    return people as { [Index in keyof Names]: Person };
  }

  async end(): Promise<void> {
    for (const person of this.people.splice(0)) await person.close().catch(() => {});
  }
}

/** Starts what a file of tests needs, and ends it. */
export function calls(options?: StackOptions): Calls {
  const calls = new Calls();
  beforeAll(async () => {
    [calls.stack, calls.browser] = await Promise.all([Stack.start(options), launch()]);
  });
  afterAll(async () => {
    await calls.end();
    await calls.browser?.close();
    await calls.stack?.stop();
  });
  return calls;
}
