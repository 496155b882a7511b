/**
 * Runs a recorded request again, with the same model or another; the new answer stands beside the first.
 */
import { useState } from "preact/hooks"
import type { Inspection } from "../api/Types.ts"
import { duration } from "../format/Numbers.ts"
import * as Inspect from "../state/Inspect.ts"
import * as Requests from "../state/Requests.ts"
import { words } from "../state/Settings.ts"
import { Button } from "../ui/Button.tsx"
import { Field } from "../ui/Field.tsx"
import { Pane, Shown } from "../ui/Pane.tsx"

/** Most names that are offered. */
const MOST = 50

const Answers = ({ again, record }: { readonly again: Inspect.Again; readonly record: Inspection }) => {
  const { inspect: text, units } = words.value
  const place = (label: string) => `${label}, ${record.id}`
  const said = (answer: string) => (answer === "" ? text.noText : answer)
  return (
    <div class="panes" role="status">
      <Pane title={`${text.first}: ${record.answer.status ?? "—"}, ${duration(record.total_ms, units)}`}>
        <Shown text={said(record.answer.text)} label={place(text.first)} />
      </Pane>
      <Pane title={`${text.second}: ${again.status}, ${duration(again.millis, units)}`} copy={again.text}>
        <Shown text={said(again.text)} label={place(text.second)} />
        <details>
          <summary>{text.raw}</summary>
          <Shown text={again.raw} label={place(`${text.second}, ${text.raw}`)} />
        </details>
      </Pane>
    </div>
  )
}

export const RunAgain = ({ record }: { readonly record: Inspection }) => {
  const { inspect: text } = words.value
  const [model, setModel] = useState(record.model_asked ?? "")
  const [key, setKey] = useState("")
  const [again, setAgain] = useState<Inspect.Again | undefined>(undefined)
  if (!record.request.runnable) return <p class="quiet">{text.unfit}</p>
  const rows = Requests.rows.value ?? []
  const models = [...new Set(rows.flatMap((row) => [row.model ?? row.model_asked, row.model_asked]))].slice(0, MOST)
  return (
    <>
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <Field label={text.againWith} value={model} onInput={setModel} suggestions={models} />
        {again?.status === 401 || key !== "" ? (
          <Field label={text.chatKey} help={text.chatKeyHelp} type="password" value={key} onInput={setKey} />
        ) : null}
        <Button kind="primary" onPress={async () => setAgain(await Inspect.runAgain(record, model.trim(), key.trim()))}>
          {text.again}
        </Button>
      </form>
      {again === undefined ? null : <Answers again={again} record={record} />}
    </>
  )
}
