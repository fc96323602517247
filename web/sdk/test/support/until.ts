import { setTimeout as pause } from "node:timers/promises";

/** Waits for something to be true (or there); fails with its name after a while. Works beside fake timers too. */
export async function until<Value>(
  what: string,
  check: () => Value | Promise<Value>,
  milliseconds = 15_000,
): Promise<NonNullable<Exclude<Value, false>>> {
  const end = process.hrtime.bigint() + BigInt(milliseconds) * 1_000_000n;
  while (true) {
    const value = await check();
    if (value) return value as NonNullable<Exclude<Value, false>>;
    if (process.hrtime.bigint() > end) throw new Error(`waited in vain for: ${what}`);
    await pause(5);
  }
}
