/**
 * That something could not be asked for, and the button that asks again.
 */
import { sentenceOf } from "../state/Announce.ts"
import { words } from "../state/Settings.ts"
import { Button } from "./Button.tsx"

export const Failure = ({ error, onRetry }: { readonly error: unknown; readonly onRetry: () => Promise<void> }) => (
  <p class="notice bad" role="alert">
    {sentenceOf(error)} <Button onPress={onRetry}>{words.value.refresh}</Button>
  </p>
)
