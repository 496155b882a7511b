/**
 * What a request held, where that was kept: as it came, the prompts, the pushes and the answer, beside each other.
 */
import { useEffect, useState } from "preact/hooks"
import { base } from "../api/Http.ts"
import type { ChatRow, Inspection, Question } from "../api/Types.ts"
import { curl } from "../format/Curl.ts"
import { whole } from "../format/Numbers.ts"
import * as Inspect from "../state/Inspect.ts"
import * as Live from "../state/Live.ts"
import { locale, words } from "../state/Settings.ts"
import { Button } from "../ui/Button.tsx"
import { Copy } from "../ui/Copy.tsx"
import { Pane, Shown } from "../ui/Pane.tsx"
import { RunAgain } from "./RunAgain.tsx"

const json = (value: unknown) => JSON.stringify(value, undefined, 2) ?? ""

const Notes = ({ record: { answer, request } }: { readonly record: Inspection }) => {
  const { inspect: text } = words.value
  const count = (n: number) => whole(n, locale.value)
  const notes = [
    request.truncated || answer.truncated ? [text.cut] : [],
    request.media_left_out > 0 ? [text.media(count(request.media_left_out))] : [],
    request.secrets_masked > 0 ? [text.secrets(count(request.secrets_masked))] : []
  ].flat()
  return notes.length === 0 ? null : <p class="quiet">{notes.join(" ")}</p>
}

const pushesOf = ({ pushes }: Question, pieces: (n: string) => string): string =>
  pushes
    .map((push) => {
      const many = push.pieces > 1 ? ` (${pieces(String(push.pieces))})` : ""
      return `+${Math.round(push.at_ms)} ms  ${push.kind}${many}\n${push.text}`
    })
    .join("\n\n")

/** Several may be open, and a place has a name of its own. */
const place = (label: string, { id }: Inspection) => `${label}, ${id}`

interface AskedProps {
  readonly record: Inspection
  readonly question: Question
  readonly title: string
}

const Asked = ({ question, record, title }: AskedProps) => {
  const { inspect: text } = words.value
  return (
    <>
      <Pane title={`${text.prompt} — ${title}`} copy={question.prompt}>
        <Shown text={question.prompt} label={place(`${text.prompt}, ${title}`, record)} />
      </Pane>
      <Pane title={`${text.pushes} — ${title}`}>
        <Shown text={pushesOf(question, text.pieces)} label={place(`${text.pushes}, ${title}`, record)} />
        {question.pushes_left_out === 0 ? null : (
          <p class="quiet">{text.leftOut(whole(question.pushes_left_out, locale.value))}</p>
        )}
      </Pane>
    </>
  )
}

const Panes = ({ record }: { readonly record: Inspection }) => {
  const { inspect: text } = words.value
  const { answer, questions, request } = record
  return (
    <>
      <Notes record={record} />
      <div class="panes">
        <Pane title={`${text.request}: ${record.method} ${record.path}`} copy={json(request.body)}>
          <Shown text={json(request.body)} label={place(text.request, record)} />
          <details>
            <summary>{text.headers}</summary>
            <Shown text={json(request.headers)} label={place(text.headers, record)} />
          </details>
        </Pane>
        {questions.length === 0 ? (
          <Pane title={text.prompt}>
            <p class="quiet">{text.noPrompt}</p>
          </Pane>
        ) : null}
        {questions.map((question, i) => (
          <Asked
            key={`${question.at_ms} ${i}`}
            record={record}
            question={question}
            title={text.question(String(i + 1), question.instance)}
          />
        ))}
        <Pane title={`${text.answer}: ${answer.status ?? "—"}`} copy={answer.text}>
          <Shown text={answer.text === "" ? text.noText : answer.text} label={place(text.answer, record)} />
          <details>
            <summary>{text.raw}</summary>
            <Shown text={answer.body} label={place(text.raw, record)} />
          </details>
        </Pane>
      </div>
      {request.body === null ? null : (
        <p class="actions">
          <span>{text.curl}</span> <Copy kind="plain" text={curl(record, base)} what={text.curl} />
        </p>
      )}
      <RunAgain record={record} />
    </>
  )
}

export const Inspected = ({ row }: { readonly row: ChatRow }) => {
  const { inspect: text } = words.value
  const [isKept, setKept] = useState<boolean | undefined>(undefined)
  const [record, setRecord] = useState<Inspection | undefined>(undefined)
  useEffect(() => {
    // Whoever opened the row has not asked for it: a failure is no more than that nothing is offered.
    Inspect.isKept(row).then(setKept, () => setKept(false))
  }, [row])
  if (record !== undefined) return <Panes record={record} />
  if (isKept === undefined) return null
  if (isKept) {
    return (
      <p class="actions">
        <Button
          kind="primary"
          label={text.lookAt(row.request_id)}
          onPress={async () => setRecord(await Inspect.find(row.request_id))}
        >
          {text.look}
        </Button>
      </p>
    )
  }
  const isOff = Live.overview.value?.inspect.mode === "off"
  return (
    <p class="quiet">
      {text.none} {isOff ? text.noneOff : null}
    </p>
  )
}
