/** Waits for something to be true (or there); fails with its name after a while. */
export async function until<Value>(
  what: string,
  check: () => Value | Promise<Value>,
  milliseconds = 8_000,
): Promise<NonNullable<Exclude<Value, false>>> {
  const end = performance.now() + milliseconds;
  while (true) {
    const value = await check();
    if (value) return value as NonNullable<Exclude<Value, false>>;
    if (performance.now() > end) throw new Error(`waited in vain for: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
