/**
 * A key that was just made, shown this once; also while the page is signed out by it, as where it is the first of all keys.
 */
import type { KeyMade } from "../api/Types.ts"
import * as Keys from "../state/Keys.ts"
import { words } from "../state/Settings.ts"
import { Button } from "../ui/Button.tsx"
import { Copy } from "../ui/Copy.tsx"
import { Dialog } from "../ui/Dialog.tsx"

const Secret = ({ made, onDone }: { readonly made: KeyMade; readonly onDone: () => void }) => {
  const { close, keys: text } = words.value
  return (
    <>
      <p>{text.once}</p>
      <p class="secret">
        <code>{made.key}</code>
      </p>
      {made.warnings.map((warning) => (
        <p key={warning} class="notice warn">
          {warning}
        </p>
      ))}
      <p class="actions">
        <Copy text={made.key} what={text.made(made.name)} kind="primary" />
        <Button onPress={onDone}>{close}</Button>
      </p>
    </>
  )
}

export const MadeKey = () => {
  const made = Keys.shown.value
  if (made === null) return null
  const forget = () => {
    Keys.shown.value = null
  }
  return (
    <Dialog title={words.value.keys.made(made.name)} onClose={forget}>
      {(close) => <Secret made={made} onDone={close} />}
    </Dialog>
  )
}
