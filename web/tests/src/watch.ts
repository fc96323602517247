import type { Person } from "./person";

/** Watches what `person` sees of `name` for `seconds`: frames decoded in each of them. */
export async function framesEachSecond(person: Person, name: string, seconds: number): Promise<number[]> {
  const each: number[] = [];
  let last = (await person.received(name))?.framesDecoded ?? 0;
  for (let second = 0; second < seconds; second += 1) {
    await person.page.waitForTimeout(1_000);
    const now = (await person.received(name))?.framesDecoded ?? 0;
    each.push(now - last);
    last = now;
  }
  return each;
}
