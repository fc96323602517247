import { type RefObject, useRef } from "react";

/** What a value is now, for effects that must not run again because of it, such as the page's own callbacks. */
export function useLatest<T>(value: T): RefObject<T> {
  const latest = useRef(value);
  latest.current = value;
  return latest;
}
