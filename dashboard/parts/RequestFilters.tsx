/**
 * Which requests are listed: by key, model, outcome, instance, a part of the id, and the day.
 */
import type { Outcome } from "../api/Types.ts"
import { isEmpty, noFilter } from "../state/Filter.ts"
import * as Keys from "../state/Keys.ts"
import * as Live from "../state/Live.ts"
import * as Requests from "../state/Requests.ts"
import { words } from "../state/Settings.ts"
import { Button } from "../ui/Button.tsx"
import { Choice, Field } from "../ui/Field.tsx"

export const outcomes = ["completed", "failed", "cancelled", "rejected"] as const satisfies ReadonlyArray<Outcome>

/** Most names that are offered. */
const MOST = 50

export const RequestFilters = () => {
  const { all, now, requests: text } = words.value
  const filter = Requests.filter.value
  const names = Live.overview.value?.instances.map(({ name }) => name) ?? []
  const rows = Requests.rows.value ?? []
  const keys = [...new Set([...(Keys.keys.value ?? []).map(({ name }) => name), ...rows.map(({ key }) => key)])].slice(
    0,
    MOST
  )
  const models = [...new Set(rows.flatMap(({ model, model_asked }) => [model ?? model_asked, model_asked]))].slice(
    0,
    MOST
  )
  const set = (field: keyof typeof filter) => (value: string) => Requests.setFilter({ [field]: value })
  return (
    <form class="filters" aria-label={text.filters} onSubmit={(event) => event.preventDefault()}>
      <Field label={now.key} type="search" value={filter.key} onInput={set("key")} suggestions={keys} />
      <Field label={now.model} type="search" value={filter.model} onInput={set("model")} suggestions={models} />
      <Choice
        label={text.outcome}
        value={filter.outcome}
        options={[["", all], ...outcomes.map((one) => [one, text.outcomes[one]] as const)]}
        onChange={set("outcome")}
      />
      <Choice
        label={now.instance}
        value={filter.instance}
        options={[["", all], ...names.map((name) => [name, name] as const)]}
        onChange={set("instance")}
      />
      <Field label={text.id} type="search" value={filter.id} onInput={set("id")} />
      <Field label={text.day} type="date" value={filter.day} onInput={set("day")} />
      {isEmpty(filter) ? null : (
        <Button kind="quiet" onPress={() => Requests.setFilter(noFilter)}>
          {text.clear}
        </Button>
      )}
    </form>
  )
}
