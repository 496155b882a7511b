/**
 * Requests that have ended, the newest first; a row opens to what is known of it.
 */
import { useState } from "preact/hooks"
import type { ChatRow, Outcome } from "../api/Types.ts"
import { duration, short } from "../format/Numbers.ts"
import { exact } from "../format/Times.ts"
import * as Requests from "../state/Requests.ts"
import { locale, words } from "../state/Settings.ts"
import { Button } from "../ui/Button.tsx"
import { Badge, type Tone } from "../ui/Facts.tsx"
import { Failure } from "../ui/Failure.tsx"
import { Section } from "../ui/Section.tsx"
import { type Column, Table } from "../ui/Table.tsx"
import { InspectSwitch } from "./InspectSwitch.tsx"
import { Models } from "./Now.tsx"
import { RequestDetail } from "./RequestDetail.tsx"
import { RequestFilters } from "./RequestFilters.tsx"

export const tones: Readonly<Record<Outcome, Tone>> = {
  completed: "good",
  failed: "bad",
  cancelled: "still",
  rejected: "warn"
}

type Toggle = (id: string) => void

const columns = (opened: ReadonlySet<string>, toggle: Toggle): ReadonlyArray<Column<ChatRow>> => {
  const { now, requests: text, units } = words.value
  const lang = locale.value
  return [
    {
      id: "time",
      head: text.time,
      cell: (row) => (
        <button
          type="button"
          class="opener"
          aria-expanded={opened.has(row.id)}
          aria-label={`${exact(row.ended_at, lang)}, ${text.open(row.request_id)}`}
          onClick={() => toggle(row.id)}
        >
          {exact(row.ended_at, lang)}
        </button>
      )
    },
    { id: "key", head: now.key, cell: ({ key }) => <span class="wrapping">{key}</span> },
    { id: "model", head: now.model, cell: (row) => <Models asked={row.model_asked} model={row.model} /> },
    { id: "instance", head: now.instance, cell: ({ instance }) => <span class="wrapping">{instance ?? "—"}</span> },
    {
      id: "outcome",
      head: text.outcome,
      cell: ({ error_code, outcome }) => (
        <>
          <Badge tone={tones[outcome]}>{text.outcomes[outcome]}</Badge>{" "}
          {error_code === null ? null : <small class="wrapping">{error_code}</small>}
        </>
      )
    },
    { id: "first", head: text.firstToken, isNumber: true, cell: (row) => duration(row.first_token_ms, units) },
    { id: "total", head: text.total, isNumber: true, cell: (row) => duration(row.total_ms, units) },
    {
      id: "tokens",
      head: text.tokens,
      isNumber: true,
      // Where no answer began none were counted.
      cell: (row) => (row.usage_source === null ? "—" : short(row.prompt_tokens + row.completion_tokens, lang))
    }
  ]
}

/** Rows that are drawn: at first, and with each press for more. */
const FIRST = 20
const STEP = 100

const Foot = ({ drawn, onMore }: { readonly drawn: number; readonly onMore: (drawn: number) => void }) => {
  const { more, requests: text } = words.value
  const until = Requests.searchedUntil.value
  const known = Requests.rows.value?.length ?? 0
  const isAll = drawn >= known
  const show = async () => {
    if (isAll) await Requests.more()
    onMore(Math.max(drawn, FIRST) + STEP)
  }
  return (
    <>
      {isAll && Requests.next.value === null ? null : (
        <p class="actions">
          <Button onPress={show}>{more}</Button>
          {!isAll || until === null ? null : <span class="quiet">{text.searched(exact(until, locale.value))}</span>}
        </p>
      )}
      <p class="quiet">{text.ledger[Requests.ledger.value]}</p>
    </>
  )
}

export const RequestList = () => {
  const { loading, requests: text } = words.value
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set())
  const toggle = (id: string) =>
    setOpened(opened.has(id) ? new Set([...opened].filter((one) => one !== id)) : new Set([...opened, id]))
  const [drawn, setDrawn] = useState(FIRST)
  const rows = Requests.rows.value?.slice(0, drawn) ?? null
  return (
    <Section id="requests" title={text.title} aside={<InspectSwitch />}>
      <RequestFilters />
      {Requests.failure.value === null ? null : <Failure error={Requests.failure.value} onRetry={Requests.load} />}
      <div aria-busy={Requests.isLoading.value}>
        {rows === null && Requests.failure.value === null ? <p class="quiet">{loading}</p> : null}
        {rows?.length === 0 ? <p class="quiet">{text.empty}</p> : null}
        {rows === null || rows.length === 0 ? null : (
          <Table
            caption={text.title}
            columns={columns(opened, toggle)}
            rows={rows}
            keyOf={({ id }) => id}
            detail={(row) => (opened.has(row.id) ? <RequestDetail row={row} /> : null)}
          />
        )}
        <Foot drawn={drawn} onMore={setDrawn} />
      </div>
    </Section>
  )
}
