/**
 * What does not fit together among hosts that share a database. Pure.
 */
import type { HostView, HostWarning } from "./Api.ts"

export interface Host extends HostView {
  /** By which an account is recognized on another host. */
  readonly digests: ReadonlyArray<string>
}

/** Ids by what they have in common. */
const groups = (hosts: ReadonlyArray<Host>, keyOf: (host: Host) => string) => {
  const found = new Map<string, Array<string>>()
  for (const host of hosts) found.set(keyOf(host), [...(found.get(keyOf(host)) ?? []), host.id])
  return [...found]
}

const differing = (
  hosts: ReadonlyArray<Host>,
  keyOf: (host: Host) => string
): { readonly hosts: ReadonlyArray<string>; readonly told: string } | undefined => {
  const found = groups(hosts, keyOf)
  return found.length < 2
    ? undefined
    : { hosts: hosts.map(({ id }) => id), told: found.map(([key, ids]) => `${ids.join(", ")}: ${key}`).join("; ") }
}

const twice = (hosts: ReadonlyArray<Host>): ReadonlyArray<HostWarning> => {
  const at = new Map<string, { readonly name: string; readonly hosts: ReadonlyArray<string> }>()
  for (const { accounts, digests, id } of hosts)
    digests.forEach((digest, i) => {
      const { hosts: others = [] } = at.get(digest) ?? {}
      at.set(digest, { name: accounts[i] ?? "", hosts: others.includes(id) ? others : [...others, id] })
    })
  return [...at.values()]
    .filter((one) => one.hosts.length > 1)
    .map((one) => ({
      code: "account_twice",
      hosts: one.hosts,
      message: `The account ${one.name} is on the hosts ${one.hosts.join(" and ")}: they sign each other out`,
      cure: "keep it in LINGMA_ACCOUNTS of one of them"
    }))
}

export const of = (hosts: ReadonlyArray<Host>, isCurrent: boolean): ReadonlyArray<HostWarning> => {
  const present = hosts.filter(({ away }) => !away)
  const settings = differing(present, (host) => host.settings)
  const versions = differing(present, ({ version }) => version)
  return [
    ...(isCurrent
      ? []
      : [
          {
            code: "database_away" as const,
            hosts: [],
            message: "The database does not answer: this is what was known before",
            cure: "start it; hosts go on meanwhile"
          }
        ]),
    ...hosts
      .filter(({ away }) => away && isCurrent)
      .map(({ id, seen_seconds_ago }) => ({
        code: "host_away" as const,
        hosts: [id],
        message: `The host ${id} has not been heard of for ${seen_seconds_ago} s`,
        cure: "start it, or see whether it reaches the database; it is forgotten after an hour"
      })),
    ...twice(present),
    ...(versions === undefined
      ? []
      : [
          {
            code: "version_differs" as const,
            hosts: versions.hosts,
            message: `Hosts run different versions (${versions.told})`,
            cure: "bring all to the newest: docs/scale.md"
          }
        ]),
    ...(settings === undefined
      ? []
      : [
          {
            code: "settings_differ" as const,
            hosts: settings.hosts,
            message: `Hosts have different settings (${settings.told})`,
            cure: "compare lingma-gateway config show on them"
          }
        ])
  ]
}
