/**
 * Gateways that share a database: who is there, and what does not fit together.
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { AdminKey } from "../internal/Api.ts"

export const HostView = Schema.Struct({
  id: Schema.String.annotations({ description: "GATEWAY_HOST_ID, else its machine and port" }),
  url: Schema.String,
  version: Schema.String,
  settings: Schema.String.annotations({ description: "Digest of the settings that hosts should share" }),
  ready: Schema.Boolean.annotations({ description: "Whether it takes chats, by what it last said" }),
  in_flight: Schema.Int,
  accounts: Schema.Array(Schema.String).annotations({ description: "Names, masked as in the ledger" }),
  seen_seconds_ago: Schema.Int,
  away: Schema.Boolean.annotations({ description: "It has said nothing for 20 seconds" })
}).annotations({ identifier: "HostView" })
export type HostView = typeof HostView.Type

/**
 * - `database_away`: what is told is what was known before
 * - `host_away`: it ended without a word, or does not reach the database
 * - `account_twice`: hosts sign each other out, and use up one quota
 * - `settings_differ`, `version_differs`: answers depend on the host
 */
export const warningCodes = [
  "database_away",
  "host_away",
  "account_twice",
  "settings_differ",
  "version_differs"
] as const

export const HostWarning = Schema.Struct({
  code: Schema.Literal(...warningCodes),
  hosts: Schema.Array(Schema.String),
  message: Schema.String.annotations({ description: "One sentence, in English" }),
  cure: Schema.String
}).annotations({ identifier: "HostWarning" })
export type HostWarning = typeof HostWarning.Type

export const HostList = Schema.Struct({
  host: Schema.NullOr(Schema.String).annotations({
    description: "The one that answers; null where no database is shared, and nothing is known of others"
  }),
  hosts: Schema.Array(HostView),
  warnings: Schema.Array(HostWarning)
}).annotations({ identifier: "HostList" })
export type HostList = typeof HostList.Type

export class HostsApi extends HttpApiGroup.make("hosts")
  .add(
    HttpApiEndpoint.get("hosts", "/internal/hosts")
      .addSuccess(HostList)
      .annotate(OpenApi.Summary, "Gateways that share the database, and what does not fit together")
  )
  .annotate(OpenApi.Description, "For administrators: all hosts in one view")
  .middleware(AdminKey) {}
