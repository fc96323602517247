import { useEffect, useState } from "react";
import { CheckIcon, LinkIcon } from "../icons.tsx";

/** A button that copies the link to the call. */
export function InviteLink({ url, label = "Copy link" }: { url: string; label?: string }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 2500);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(url);
      setCopied(true);
    } catch {
      // No clipboard in this browser or frame: let the person copy it by hand.
      window.prompt("The link to this call", url);
    }
  };
  return (
    <button type="button" className="arbiter-button" onClick={copy}>
      {copied ? <CheckIcon /> : <LinkIcon />}
      <span aria-live="polite">{copied ? "Copied" : label}</span>
    </button>
  );
}
