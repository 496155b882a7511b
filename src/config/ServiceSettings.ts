/**
 * Settings of services beside Lingma: the database, keys, looking into requests, web search, pages of the web, embeddings.
 */
import * as DatabaseUrl from "./DatabaseUrl.ts"
import { live, setting } from "./Setting.ts"
import * as Rule from "./SettingRules.ts"

export const serviceSettings = {
  databaseUrl: setting(
    "DATABASE_URL",
    "",
    "keys and figures: sqlite:<path>, postgres://user:password@host/name, or none; empty = gateway.db in LINGMA_WORK_DIR, in data of a checkout",
    DatabaseUrl.parse,
    { secret: true }
  ),
  keysFile: setting(
    "KEYS_FILE",
    "",
    "YAML file with API keys as digests, beside API_KEYS and the keys of the database; empty = none",
    Rule.optionalPath
  ),
  revokedStreams: live(
    "REVOKED_STREAMS",
    "end",
    "running streams of a key that is revoked: end = with an error event, finish = as they would have",
    Rule.oneOf("end", "finish")
  ),
  limitsTimeZone: setting(
    "LIMITS_TIME_ZONE",
    "UTC",
    "time zone of days in limits and reports, such as Asia/Shanghai",
    Rule.timeZone
  ),
  ledgerDays: setting(
    "LEDGER_DAYS",
    "90",
    "days for which single chats and hourly sums are kept in the database; daily sums are kept on",
    Rule.integer(1, 36_500)
  ),
  inspect: live(
    "INSPECT",
    "off",
    "keep requests with their bodies, prompts and answers in memory, for administrators: off, errors, or all",
    Rule.oneOf("off", "errors", "all")
  ),
  inspectHours: live(
    "INSPECT_HOURS",
    "24",
    "how long such a record is kept, and for how long administrators may switch it on, in hours",
    Rule.hours(1, 720)
  ),
  inspectMb: live(
    "INSPECT_MB",
    "64",
    "max memory for such records, in MiB; the oldest go first",
    Rule.integer(8, 4096)
  ),
  webSearchUrl: live(
    "WEB_SEARCH_URL",
    "",
    "search endpoint with SearXNG's JSON, for web_search of /v1/messages; empty = none",
    Rule.endpoint
  ),
  webFetch: live(
    "WEB_FETCH",
    "false",
    "fetch public pages that a conversation names, for web_fetch of /v1/messages",
    Rule.flag
  ),
  embeddingsUrl: live(
    "EMBEDDINGS_URL",
    "",
    "base URL of an OpenAI-compatible API that serves /v1/embeddings, with its /v1; empty = embeddings are not supported",
    Rule.baseUrl
  ),
  embeddingsApiKey: live("EMBEDDINGS_API_KEY", "", "API key sent to EMBEDDINGS_URL; empty = none", Rule.secret, {
    secret: true,
    emptyIs: "wrong"
  }),
  embeddingsTimeout: live(
    "EMBEDDINGS_TIMEOUT_SEC",
    "60",
    "time limit for an answer of EMBEDDINGS_URL, in seconds",
    Rule.seconds(0.01, 300)
  )
}
