/**
 * The form of a key: its name where it is new, and what it may.
 */
import { useState } from "preact/hooks"
import type { Key } from "../api/Types.ts"
import { announce, sentenceOf } from "../state/Announce.ts"
import { emptyForm, type KeyForm, ofKey, toChanges } from "../state/KeyForm.ts"
import * as Keys from "../state/Keys.ts"
import { words } from "../state/Settings.ts"
import { Button } from "../ui/Button.tsx"
import { Check, Field } from "../ui/Field.tsx"

interface Props {
  /** The key that is changed; undefined for a new one. */
  readonly entry: Key | undefined
  readonly onDone: () => void
}

export const KeyFields = ({ entry, onDone }: Props) => {
  const { cancel, keys: text, save } = words.value
  const [before] = useState<KeyForm>(() => (entry === undefined ? emptyForm : ofKey(entry)))
  const [form, setForm] = useState(before)
  const [error, setError] = useState<string>()
  const [isBusy, setBusy] = useState(false)
  const set = (changes: Partial<KeyForm>) => setForm({ ...form, ...changes })

  const submit = async () => {
    setBusy(true)
    setError(undefined)
    try {
      if (entry === undefined) await Keys.add({ name: form.name.trim(), ...toChanges(form) })
      else {
        await Keys.change(entry.name, toChanges(form, before))
        announce(text.saved(entry.name))
      }
      onDone()
    } catch (cause) {
      setError(sentenceOf(cause))
    }
    setBusy(false)
  }

  const count = (label: string, field: "tokensPerDay" | "requestsPerMinute" | "maxInFlight") => (
    <Field
      label={label}
      help={text.empty}
      type="number"
      min="1"
      value={form[field]}
      onInput={(value) => set({ [field]: value })}
    />
  )
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        if (!isBusy) void submit()
      }}
    >
      {entry === undefined ? (
        <Field label={text.name} value={form.name} onInput={(name) => set({ name })} isRequired hasFocus />
      ) : null}
      <div class="fields">
        {count(text.perDay, "tokensPerDay")}
        {count(text.perMinute, "requestsPerMinute")}
        {count(text.atOnce, "maxInFlight")}
        <Field
          label={text.weight}
          type="number"
          min="0.01"
          step="any"
          value={form.weight}
          onInput={(weight) => set({ weight })}
        />
        <Field label={text.expires} type="date" value={form.expires} onInput={(expires) => set({ expires })} />
        <Field label={text.models} help={text.modelsHelp} value={form.models} onInput={(models) => set({ models })} />
      </div>
      <Check
        label={text.admin}
        help={text.adminHelp}
        isChecked={form.isAdmin}
        onChange={(isAdmin) => set({ isAdmin })}
      />
      <div role="alert">{error === undefined ? null : <p class="notice bad">{error}</p>}</div>
      <p class="actions">
        <button class="button primary" type="submit" aria-busy={isBusy}>
          {entry === undefined ? text.add : save}
        </button>
        <Button onPress={onDone}>{cancel}</Button>
      </p>
    </form>
  )
}
