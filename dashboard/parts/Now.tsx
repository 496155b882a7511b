/**
 * The chats that run now, and the button that stops one.
 */
import { Refused } from "../api/Http.ts"
import type { LiveChat } from "../api/Types.ts"
import { duration, short, whole } from "../format/Numbers.ts"
import { since } from "../format/Times.ts"
import { announce } from "../state/Announce.ts"
import { now } from "../state/Clock.ts"
import * as Live from "../state/Live.ts"
import { call } from "../state/Session.ts"
import { locale, words } from "../state/Settings.ts"
import { Button } from "../ui/Button.tsx"
import { Badge } from "../ui/Facts.tsx"
import { Section } from "../ui/Section.tsx"
import { type Column, Table } from "../ui/Table.tsx"

const stop = async ({ id }: LiveChat): Promise<void> => {
  const { now: text } = words.value
  try {
    await call("stopChat", { params: { id } })
    announce(text.stopped)
  } catch (error) {
    if (!(error instanceof Refused && error.status === 404)) throw error
    announce(text.gone)
  }
}

/** What was asked for, and what answers, where that is another. */
export const Models = ({ asked, model }: { readonly asked: string; readonly model: string | null }) =>
  model === null || model === asked ? (
    <span class="wrapping">{asked}</span>
  ) : (
    <span class="wrapping">
      {asked} → {model}
    </span>
  )

const columns = (): ReadonlyArray<Column<LiveChat>> => {
  const { now: text, units } = words.value
  const lang = locale.value
  return [
    { id: "key", head: text.key, cell: ({ key }) => <span class="wrapping">{key}</span> },
    { id: "client", head: text.client, cell: ({ client }) => <span class="wrapping">{client}</span> },
    { id: "model", head: text.model, cell: ({ model, model_asked }) => <Models asked={model_asked} model={model} /> },
    { id: "instance", head: text.instance, cell: ({ instance }) => instance ?? "—" },
    {
      id: "phase",
      head: text.phase,
      cell: ({ phase }) => <Badge tone={phase === "streaming" ? "good" : "busy"}>{text.phases[phase]}</Badge>
    },
    { id: "age", head: text.age, isNumber: true, cell: (chat) => duration(since(chat.started_at, now.value), units) },
    { id: "tokens", head: text.tokens, isNumber: true, cell: ({ tokens }) => whole(tokens, lang) },
    { id: "rate", head: text.rate, isNumber: true, cell: (chat) => short(chat.tokens_per_second, lang) },
    {
      id: "actions",
      head: words.value.keys.actions,
      cell: (chat) => (
        <Button kind="danger" label={text.stopOne(chat.request_id)} onPress={() => stop(chat)}>
          {text.stop}
        </Button>
      )
    }
  ]
}

export const Now = () => {
  const { now: text } = words.value
  const streams = Live.overview.value?.streams ?? []
  const more = (Live.overview.value?.streams_total ?? 0) - streams.length
  return (
    <Section
      id="now"
      title={text.title}
      aside={<span class="count">{whole(Live.overview.value?.streams_total, locale.value)}</span>}
    >
      {streams.length === 0 ? (
        <p class="quiet">{text.empty}</p>
      ) : (
        <Table caption={text.title} columns={columns()} rows={streams} keyOf={({ id }) => id} />
      )}
      {more > 0 ? <p class="quiet">{text.more(whole(more, locale.value))}</p> : null}
    </Section>
  )
}
