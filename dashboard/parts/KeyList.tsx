/**
 * The keys with what each has used, and what an administrator does with them.
 */
import { useState } from "preact/hooks"
import type { Key } from "../api/Types.ts"
import { duration, whole } from "../format/Numbers.ts"
import { since } from "../format/Times.ts"
import { now } from "../state/Clock.ts"
import * as Keys from "../state/Keys.ts"
import { locale, words } from "../state/Settings.ts"
import { Button } from "../ui/Button.tsx"
import { Failure } from "../ui/Failure.tsx"
import { Field } from "../ui/Field.tsx"
import { Section } from "../ui/Section.tsx"
import { type Column, Table } from "../ui/Table.tsx"
import { KeyDialog, type KeyTask } from "./KeyDialog.tsx"
import { Limits, Used } from "./KeyUse.tsx"

const lastUsed = ({ last_used }: Key): string => {
  const { keys, units } = words.value
  const age = since(last_used, now.value)
  return age === undefined ? keys.never : keys.ago(duration(age < 60_000 ? age : age - (age % 60_000), units))
}

const Name = ({ entry }: { readonly entry: Key }) => {
  const { keys: text } = words.value
  const isOver = entry.expires !== null && Date.parse(entry.expires) <= now.value
  return (
    <>
      <span class="wrapping">{entry.name}</span>
      {entry.admin ? <span class="tag">{text.admin}</span> : null}
      {isOver ? <span class="tag bad">{text.expired}</span> : null}
    </>
  )
}

const Actions = ({ entry, onTask }: { readonly entry: Key; readonly onTask: (task: KeyTask) => void }) => {
  const { keys: text } = words.value
  if (entry.source !== "database") return <span class="quiet">{text[entry.source]}</span>
  const label = (action: string) => `${action}: ${entry.name}`
  return (
    <span class="actions">
      <Button kind="quiet" label={label(text.change)} onPress={() => onTask({ kind: "change", entry })}>
        {text.change}
      </Button>
      <Button kind="quiet" label={label(text.rotate)} onPress={() => onTask({ kind: "rotate", entry })}>
        {text.rotate}
      </Button>
      <Button kind="danger" label={label(text.revoke)} onPress={() => onTask({ kind: "revoke", entry })}>
        {text.revoke}
      </Button>
    </span>
  )
}

const columns = (onTask: (task: KeyTask) => void): ReadonlyArray<Column<Key>> => {
  const { keys: text } = words.value
  const used = Keys.usage.value
  return [
    { id: "name", head: text.name, cell: (entry) => <Name entry={entry} /> },
    { id: "secret", head: text.secret, cell: (entry) => <code>{entry.last_four ?? "—"}</code> },
    { id: "used", head: text.lastUsed, cell: lastUsed },
    { id: "today", head: text.today, isNumber: true, cell: ({ name }) => <Used figures={used.get(name)?.today} /> },
    { id: "week", head: text.week, isNumber: true, cell: ({ name }) => <Used figures={used.get(name)?.last_7_days} /> },
    {
      id: "month",
      head: text.month,
      isNumber: true,
      cell: ({ name }) => <Used figures={used.get(name)?.last_30_days} />
    },
    { id: "limits", head: text.limits, cell: (entry) => <Limits entry={entry} usage={used.get(entry.name)} /> },
    { id: "actions", head: text.actions, cell: (entry) => <Actions entry={entry} onTask={onTask} /> }
  ]
}

export const KeyList = () => {
  const { keys: text, loading, more } = words.value
  const [task, setTask] = useState<KeyTask | null>(null)
  const entries = Keys.keys.value
  const lang = locale.value
  const isOpen = entries?.length === 0 && Keys.search.value === ""
  return (
    <Section
      id="keys"
      title={text.title}
      aside={
        <>
          {entries === null ? null : (
            <span class="count">{text.shown(whole(entries.length, lang), whole(Keys.total.value, lang))}</span>
          )}
          <Button kind="primary" onPress={() => setTask({ kind: "add" })}>
            {text.add}
          </Button>
        </>
      }
    >
      {Keys.failure.value === null ? null : <Failure error={Keys.failure.value} onRetry={Keys.load} />}
      {Keys.total.value > 10 || Keys.search.value !== "" ? (
        <Field label={text.search} type="search" value={Keys.search.value} onInput={Keys.searchFor} />
      ) : null}
      {entries === null && Keys.failure.value === null ? <p class="quiet">{loading}</p> : null}
      {isOpen ? <p class="quiet">{text.open}</p> : null}
      {entries === null || entries.length === 0 ? null : (
        <Table caption={text.title} columns={columns(setTask)} rows={entries} keyOf={({ id }) => id} />
      )}
      {Keys.next.value === null ? null : <Button onPress={Keys.more}>{more}</Button>}
      {task === null ? null : <KeyDialog task={task} onClose={() => setTask(null)} />}
    </Section>
  )
}
