import type { Features } from "@arbiter/client";

/** What to call somebody who gave no name. */
export const NAMELESS = "Guest";

/** The name to show for a person. */
export function nameOf(features: Readonly<Features>): string {
  return features.name?.trim() || NAMELESS;
}

/** One or two letters for an avatar: the first of the first word and of the last one. A letter may be an emoji. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const picked = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return picked.map((word) => firstLetter(word ?? "")).join("") || "?";
}

function firstLetter(word: string): string {
  const letters = [...new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(word)].map(
    (part) => part.segment,
  );
  return (letters.find((letter) => /[\p{L}\p{N}]/u.test(letter)) ?? letters[0] ?? "").toLocaleUpperCase();
}

/** How many avatar colours the stylesheet has. */
export const COLOURS = 10;

/** Which of the avatar colours a person has: the same for everybody who sees them, as it depends on the id alone. */
export function colourOf(id: string): number {
  let hash = 2166136261;
  for (let at = 0; at < id.length; at++) hash = Math.imul(hash ^ id.charCodeAt(at), 16777619);
  return (hash >>> 0) % COLOURS;
}

/** The path of a call as people know it from the address bar: a room's path has no leading slash. */
export function shownPath(path: string): string {
  return path.startsWith("/") ? path : `/${path}`;
}

/** "Ann", "Ann and Ben", "Ann, Ben and Cem". */
export function listed(names: readonly string[]): string {
  if (names.length < 2) return names[0] ?? "";
  return `${names.slice(0, -1).join(", ")} and ${names[names.length - 1]}`;
}
