import type { ReactNode } from "react";

const LINK = /\bhttps?:\/\/[^\s<>"']+/giu;

/**
 * A text with its web addresses as links. Only http and https become links, so that no `javascript:` can; each opens a new page that knows nothing of this one.
 */
export function linkify(text: string): ReactNode[] {
  const parts: ReactNode[] = [];
  let end = 0;
  for (const match of text.matchAll(LINK)) {
    const address = trimmed(match[0]);
    parts.push(text.slice(end, match.index));
    parts.push(
      <a key={match.index} href={address} target="_blank" rel="noopener noreferrer nofollow">
        {address}
      </a>,
    );
    end = match.index + address.length;
  }
  parts.push(text.slice(end));
  return parts.filter((part) => part !== "");
}

/** Without the full stop that ends the sentence, and without a bracket that was opened before the address. */
function trimmed(address: string): string {
  let text = address.replace(/[.,;:!?]+$/, "");
  while (text.endsWith(")") && text.split(")").length > text.split("(").length) text = text.slice(0, -1);
  return text;
}
