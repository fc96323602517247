import { useEffect, useState } from "react";
import { CloseIcon } from "../icons.tsx";

/** How long a notice stays, milliseconds. */
const STAYS = 12_000;

/** What went wrong without ending the call, for a while. `subject`: what it is about; another one is another notice. */
export function Notice({ subject, text }: { subject: object | undefined; text: string | undefined }) {
  const [closed, setClosed] = useState<object>();
  useEffect(() => {
    if (!subject) return;
    const timer = setTimeout(() => setClosed(subject), STAYS);
    return () => clearTimeout(timer);
  }, [subject]);
  if (!text || subject === closed) return null;
  return (
    <p className="arbiter-banner" role="alert">
      {text}
      <button type="button" className="arbiter-plain" aria-label="Dismiss" onClick={() => setClosed(subject)}>
        <CloseIcon />
      </button>
    </p>
  );
}
