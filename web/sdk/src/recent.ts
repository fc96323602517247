/**
 * Adds a value to a set of which only the last ones are kept; gives back the one that had to go. What is remembered of others must
 * not grow for as long as a call lasts.
 */
export function remember<Value>(set: Set<Value>, value: Value, most: number): Value | undefined {
  set.delete(value);
  set.add(value);
  if (set.size <= most) return undefined;
  const [oldest] = set;
  set.delete(oldest as Value);
  return oldest;
}
