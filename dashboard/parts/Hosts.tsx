/**
 * The gateways that share a database, where there is more than one, and what does not fit together among them.
 */
import type { Host, HostWarning } from "../api/Types.ts"
import { duration, whole } from "../format/Numbers.ts"
import * as Hosts from "../state/Hosts.ts"
import { locale, words } from "../state/Settings.ts"
import { Badge } from "../ui/Facts.tsx"
import { Section } from "../ui/Section.tsx"
import { type Column, Table } from "../ui/Table.tsx"

const stateOf = ({ away, ready }: Host) => (away ? "away" : ready ? "ready" : "unready")
const tones = { ready: "good", unready: "warn", away: "bad" } as const

const columns = (here: string | null): ReadonlyArray<Column<Host>> => {
  const { hosts: text, units } = words.value
  const lang = locale.value
  return [
    {
      id: "host",
      head: text.host,
      cell: ({ id }) => <span class="wrapping">{id === here ? `${id} (${text.here})` : id}</span>
    },
    {
      id: "state",
      head: text.state,
      cell: (host) => <Badge tone={tones[stateOf(host)]}>{text.states[stateOf(host)]}</Badge>
    },
    { id: "load", head: text.inFlight, isNumber: true, cell: ({ in_flight }) => whole(in_flight, lang) },
    {
      id: "accounts",
      head: text.accounts,
      cell: ({ accounts }) => <span class="wrapping">{accounts.join(", ")}</span>
    },
    { id: "version", head: text.version, cell: ({ version }) => version },
    {
      id: "seen",
      head: text.seen,
      isNumber: true,
      cell: ({ seen_seconds_ago }) => text.ago(duration(seen_seconds_ago * 1000, units))
    }
  ]
}

const Warning = ({ warning: { code, hosts, message } }: { readonly warning: HostWarning }) => (
  <p class="reason">{words.value.hosts.warnings[code]?.(hosts.join(", ")) ?? message}</p>
)

export const HostTable = () => {
  const { hosts: text } = words.value
  const list = Hosts.list.value
  if (list === null || list.hosts.length < 2) return null
  return (
    <Section id="hosts" title={text.title} aside={<span class="count">{whole(list.hosts.length, locale.value)}</span>}>
      {list.warnings.map((warning) => (
        <Warning key={warning.message} warning={warning} />
      ))}
      <Table caption={text.title} columns={columns(list.host)} rows={list.hosts} keyOf={({ id }) => id} />
    </Section>
  )
}
