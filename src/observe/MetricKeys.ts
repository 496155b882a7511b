/**
 * Every metric of the gateway: name, kind and description. Label values come from closed sets only.
 */
import { MetricBoundaries, MetricKey } from "effect"

/** Only ever grows. */
export type Counter = MetricKey.MetricKey.Counter<number>
export type Gauge = MetricKey.MetricKey.Gauge<number>
export type Histogram = MetricKey.MetricKey.Histogram

const seconds = MetricBoundaries.fromIterable([
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600
])
const shortSeconds = MetricBoundaries.fromIterable([0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30])

const counter = (name: string, description: string): Counter =>
  MetricKey.counter(name, { description, incremental: true })
const gauge = (name: string, description: string): Gauge => MetricKey.gauge(name, { description })
const histogram = (name: string, boundaries: MetricBoundaries.MetricBoundaries, description: string): Histogram =>
  MetricKey.histogram(name, boundaries, description)

export const inFlight = gauge("gateway_in_flight", "Chats that hold a slot")
export const queued = gauge("gateway_queued", "Chats that wait for a slot")
export const maxInFlight = gauge("gateway_max_in_flight", "Most chats at once")
export const accepted = counter("gateway_accepted_total", "Chats that got a slot")
export const rejected = counter("gateway_rejected_total", "Chats refused: the queue was full, or the wait too long")
export const abandoned = counter("gateway_abandoned_total", "Chats whose client left the queue")

export const instanceInFlight = gauge("gateway_pool_instance_in_flight", "Chats on an instance")
export const instanceReady = gauge("gateway_pool_instance_ready", "Whether an instance may be sent a chat")
export const instanceSignedIn = gauge(
  "gateway_pool_instance_signed_in",
  "Whether the account of an instance is signed in; absent while that is not known"
)
export const instanceSpent = gauge(
  "gateway_pool_instance_spent",
  "Whether the quota of an instance's account is used up"
)
export const instanceState = gauge("gateway_pool_instance_state", "1 for the state an instance is in")
export const instanceEjected = gauge(
  "gateway_pool_instance_ejected",
  "Whether an instance is left out for its failures"
)
export const instanceRestarts = counter("gateway_pool_instance_restarts_total", "Starts of an instance after its first")
export const instanceEjections = counter("gateway_pool_instance_ejections_total", "Times an instance was left out")
export const logins = counter("gateway_logins_total", "Logins by instance and how they ended")

export const chats = counter("gateway_chats_total", "Chats by dialect, mode, model and outcome")
export const tokens = counter(
  "gateway_tokens_total",
  "Tokens by kind (prompt, completion) and model; estimates where Lingma gives none"
)
export const keyChats = counter("gateway_key_chats_total", "Chats by API key and outcome")
export const keyTokens = counter("gateway_key_tokens_total", "Tokens by API key and kind (prompt, completion)")
export const ledgerWaiting = gauge("gateway_ledger_waiting", "Chats that are not in the database yet")
export const ledgerLost = counter(
  "gateway_ledger_lost_total",
  "Chats that are missing in the database because it took nothing for too long"
)
export const replyRetries = counter(
  "gateway_reply_retries_total",
  "Answers asked for again by what was wrong with the first"
)
export const modelLists = counter("gateway_models_requests_total", "Requests for the list of models")
export const queueWait = histogram("gateway_queue_wait_seconds", seconds, "Time from a chat's arrival to its slot")
export const firstToken = histogram(
  "gateway_first_token_seconds",
  seconds,
  "Time from a chat's arrival to its first event"
)
export const duration = histogram("gateway_chat_duration_seconds", seconds, "Time from a chat's arrival to its end")
export const tokenGap = histogram(
  "gateway_token_gap_seconds",
  shortSeconds,
  "Mean time between the pieces of an answer, once per chat"
)
export const rpcDuration = histogram(
  "gateway_rpc_duration_seconds",
  seconds,
  "Calls to Lingma by method, until their reply"
)

export const failedExports = counter(
  "gateway_telemetry_failed_exports_total",
  "Exports to the OTLP collector that failed"
)
export const httpRequests = counter("gateway_http_requests_total", "Requests by route, method and status")
export const shedding = gauge(
  "gateway_shedding",
  "Whether new chats are refused because the process has too much to do"
)
export const shed = counter("gateway_shed_total", "Chats refused because the process had too much to do")
export const connectionsShed = counter(
  "gateway_connections_shed_total",
  "Connections closed because there were too many"
)
export const bodyBytes = gauge("gateway_body_bytes", "Memory that large request bodies take")
export const bodiesRefused = counter(
  "gateway_bodies_refused_total",
  "Requests refused because bodies took too much memory"
)
export const eventLoopLag = gauge(
  "gateway_event_loop_lag_seconds",
  "99th percentile of the event loop's delay since the last look"
)

export const residentMemory = gauge("process_resident_memory_bytes", "Resident memory")
export const heapUsed = gauge("nodejs_heap_used_bytes", "JavaScript heap in use")
export const openDescriptors = gauge("process_open_fds", "Open file descriptors")
export const cpuSeconds = counter("process_cpu_seconds_total", "CPU time, user and system")
export const startTime = gauge("process_start_time_seconds", "Start of the process, seconds since 1970")
