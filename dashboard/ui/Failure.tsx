/**
 * That something could not be asked for, and the button that asks again.
 */
import { Refused } from "../api/Http.ts"
import { sentenceOf } from "../state/Announce.ts"
import * as Live from "../state/Live.ts"
import { words } from "../state/Settings.ts"
import { Button } from "./Button.tsx"

/** The bar tells once for all parts that there is no gateway. */
const isTold = (error: unknown) => Live.link.value.state === "lost" && error instanceof Refused && error.status === 0

export const Failure = ({ error, onRetry }: { readonly error: unknown; readonly onRetry: () => Promise<void> }) =>
  isTold(error) ? null : (
    <p class="notice bad" role="alert">
      {sentenceOf(error)} <Button onPress={onRetry}>{words.value.refresh}</Button>
    </p>
  )
