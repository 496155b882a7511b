/**
 * Switches looking into requests on: which of them, of which key, and for how long.
 */
import { useState } from "preact/hooks"
import * as Inspect from "../state/Inspect.ts"
import * as Keys from "../state/Keys.ts"
import { words } from "../state/Settings.ts"
import { Button } from "../ui/Button.tsx"
import { Dialog } from "../ui/Dialog.tsx"
import { Choice, Field } from "../ui/Field.tsx"

/** Most names that are offered. */
const MOST = 50

const Fields = ({ onDone }: { readonly onDone: () => void }) => {
  const { cancel, inspect: text } = words.value
  const [mode, setMode] = useState<"errors" | "all">("errors")
  const [key, setKey] = useState("")
  const [time, setTime] = useState<Inspect.Minutes>("60")
  const start = async () => {
    await Inspect.switchOn(mode, key.trim(), time)
    onDone()
  }
  const forget = async () => {
    await Inspect.forget()
    onDone()
  }
  return (
    <>
      <p>{text.help}</p>
      <div class="fields">
        <Choice
          label={text.mode}
          value={mode}
          options={[
            ["errors", text.modes.errors],
            ["all", text.modes.all]
          ]}
          onChange={setMode}
        />
        <Choice
          label={text.time}
          value={time}
          options={Inspect.minutes.map((one) => [one, text.times[one]] as const)}
          onChange={setTime}
        />
        <Field
          label={text.key}
          help={text.keyHelp}
          value={key}
          onInput={setKey}
          suggestions={(Keys.keys.value ?? []).slice(0, MOST).map(({ name }) => name)}
        />
      </div>
      <p class="actions">
        <Button kind="primary" onPress={start}>
          {text.start}
        </Button>
        <Button kind="danger" onPress={forget}>
          {text.forget}
        </Button>
        <Button onPress={onDone}>{cancel}</Button>
      </p>
    </>
  )
}

export const InspectSwitch = () => {
  const { inspect: text } = words.value
  const [isOpen, setOpen] = useState(false)
  return (
    <>
      <Button onPress={() => setOpen(true)}>{text.open}</Button>
      {isOpen ? (
        <Dialog title={text.title} onClose={() => setOpen(false)}>
          {(close) => <Fields onDone={close} />}
        </Dialog>
      ) : null}
    </>
  )
}
