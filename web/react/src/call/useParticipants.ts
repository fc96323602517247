import { useArbiter } from "../context.ts";
import { type Participant, participantsOf } from "./participants.ts";

/** Who is in the call, this person first and then in the order in which they came; and the shared screens, the newest last. */
export function useParticipants(): { people: Participant[]; screens: Participant[] } {
  const { self, peers } = useArbiter().call;
  return participantsOf(self, peers);
}
