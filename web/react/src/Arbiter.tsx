import { type ArbiterProps, ArbiterProvider } from "./ArbiterProvider.tsx";
import { Call } from "./call/Call.tsx";
import { Screens } from "./screens/Screens.tsx";

/** A video call that fills its container: lobby, call, and the words for everything in between. */
export function Arbiter(props: ArbiterProps) {
  return (
    <ArbiterProvider {...props}>
      <Screens call={<Call />} />
    </ArbiterProvider>
  );
}
