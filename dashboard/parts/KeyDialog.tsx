/**
 * What is done with a key: added, limited, rotated, revoked.
 */
import { useState } from "preact/hooks"
import type { Key } from "../api/Types.ts"
import { announce } from "../state/Announce.ts"
import * as Keys from "../state/Keys.ts"
import { words } from "../state/Settings.ts"
import { Button } from "../ui/Button.tsx"
import { Dialog } from "../ui/Dialog.tsx"
import { Choice } from "../ui/Field.tsx"
import { KeyFields } from "./KeyFields.tsx"

export type KeyTask = { readonly kind: "add" } | { readonly kind: "change" | "rotate" | "revoke"; readonly entry: Key }

const graces = { now: 0, hour: 3_600, day: 86_400, week: 7 * 86_400 } as const
type Grace = keyof typeof graces

interface AskProps {
  readonly entry: Key
  readonly onDone: () => void
}

const Rotate = ({ entry, onDone }: AskProps) => {
  const { cancel, keys: text } = words.value
  const [grace, setGrace] = useState<Grace>("now")
  const rotate = async () => {
    await Keys.rotate(entry.name, graces[grace])
    onDone()
  }
  const options = (Object.keys(graces) as ReadonlyArray<Grace>).map((one) => [one, text.grace[one]] as const)
  return (
    <>
      <p>{text.rotateAsk(entry.name)}</p>
      <Choice label={text.grace.label} value={grace} options={options} onChange={setGrace} />
      <p class="actions">
        <Button kind="primary" onPress={rotate}>
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
  const titles = { change: text.change, rotate: text.rotate, revoke: text.revoke }
  const title = task.kind === "add" ? text.add : `${titles[task.kind]}: ${task.entry.name}`
  return (
    <Dialog title={title} onClose={onClose}>
      {(close) => {
        switch (task.kind) {
          case "add":
            return <KeyFields entry={undefined} onDone={close} />
          case "change":
            return <KeyFields entry={task.entry} onDone={close} />
          case "rotate":
            return <Rotate entry={task.entry} onDone={close} />
          case "revoke":
            return <Revoke entry={task.entry} onDone={close} />
        }
      }}
    </Dialog>
  )
}
