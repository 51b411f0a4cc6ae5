import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { type SessionState, signIn } from "../auth/session";
import { text } from "../text";
import { Mark } from "./icons";

/** The way in. Quiet while it is not yet known whether it is needed. */
export function SignIn({ state }: { readonly state: SessionState }): VNode {
  const [going, setGoing] = useState(false);
  if (state === "starting") return <div class="sign-in" />;
  const start = (): void => {
    setGoing(true);
    signIn().catch(() => setGoing(false));
  };
  return (
    <main class="sign-in">
      <div class="sign-in-card">
        <Mark />
        <h1>{text.signIn.greeting}</h1>
        <p>{state === "ended" ? text.signIn.ended : text.signIn.lead}</p>
        {state === "unreachable" ? (
          <p class="network" role="status">
            {text.network.unreachable}
          </p>
        ) : (
          <button type="button" class="primary" disabled={going} onClick={start}>
            {going ? text.signIn.working : text.signIn.button}
          </button>
        )}
      </div>
    </main>
  );
}
