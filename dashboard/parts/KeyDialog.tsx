/**
 * What is done with a key: added, limited, rotated, revoked; and its secret, shown once.
 */
import { useState } from "preact/hooks"
import type { Key, KeyMade } from "../api/Types.ts"
import { announce } from "../state/Announce.ts"
import * as Keys from "../state/Keys.ts"
import { words } from "../state/Settings.ts"
import { Button } from "../ui/Button.tsx"
import { Copy } from "../ui/Copy.tsx"
import { Dialog } from "../ui/Dialog.tsx"
import { Choice } from "../ui/Field.tsx"
import { KeyFields } from "./KeyFields.tsx"

export type KeyTask = { readonly kind: "add" } | { readonly kind: "change" | "rotate" | "revoke"; readonly entry: Key }

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

const graces = { now: 0, hour: 3_600, day: 86_400, week: 7 * 86_400 } as const
type Grace = keyof typeof graces

interface AskProps {
  readonly entry: Key
  readonly onDone: () => void
}

const Rotate = ({ entry, onDone, onMade }: AskProps & { readonly onMade: (made: KeyMade) => void }) => {
  const { cancel, keys: text } = words.value
  const [grace, setGrace] = useState<Grace>("now")
  const options = (Object.keys(graces) as ReadonlyArray<Grace>).map((one) => [one, text.grace[one]] as const)
  return (
    <>
      <p>{text.rotateAsk(entry.name)}</p>
      <Choice label={text.grace.label} value={grace} options={options} onChange={setGrace} />
      <p class="actions">
        <Button kind="primary" onPress={async () => onMade(await Keys.rotate(entry.name, graces[grace]))}>
          {text.rotate}
        </Button>
        <Button onPress={onDone}>{cancel}</Button>
      </p>
    </>
  )
}

const Revoke = ({ entry, onDone }: AskProps) => {
  const { cancel, keys: text } = words.value
  const revoke = async () => {
    await Keys.revoke(entry.name)
    announce(text.revoked(entry.name))
    onDone()
  }
  return (
    <>
      <p>{text.revokeAsk(entry.name)}</p>
      <p class="actions">
        <Button kind="danger" onPress={revoke}>
          {text.revoke}
        </Button>
        <Button onPress={onDone}>{cancel}</Button>
      </p>
    </>
  )
}

export const KeyDialog = ({ onClose, task }: { readonly task: KeyTask; readonly onClose: () => void }) => {
  const { keys: text } = words.value
  const [made, setMade] = useState<KeyMade | null>(null)
  const titles = { add: text.add, change: text.change, rotate: text.rotate, revoke: text.revoke }
  const title =
    made !== null ? text.made(made.name) : task.kind === "add" ? text.add : `${titles[task.kind]}: ${task.entry.name}`
  return (
    <Dialog title={title} onClose={onClose}>
      {(close) => {
        if (made !== null) return <Secret made={made} onDone={close} />
        switch (task.kind) {
          case "add":
            return <KeyFields entry={undefined} onDone={close} onMade={setMade} />
          case "change":
            return <KeyFields entry={task.entry} onDone={close} onMade={setMade} />
          case "rotate":
            return <Rotate entry={task.entry} onDone={close} onMade={setMade} />
          case "revoke":
            return <Revoke entry={task.entry} onDone={close} />
        }
      }}
    </Dialog>
  )
}
