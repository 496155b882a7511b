/**
 * Requests, plots and set-ups of clients, in English.
 */
export const figures = {
  requests: {
    title: "Requests",
    filters: "Filters",
    day: "Day",
    outcome: "Outcome",
    id: "Id contains",
    clear: "Clear filters",
    time: "Time",
    firstToken: "First token",
    total: "Total",
    tokens: "Tokens",
    open: (id: string) => `Details of ${id}`,
    outcomes: { completed: "completed", failed: "failed", cancelled: "cancelled", rejected: "rejected" },
    empty: "No requests.",
    searched: (time: string) => `Looked back to ${time}.`,
    ledger: {
      kept: "",
      memory: "Older requests are kept in memory until the gateway ends.",
      none: "Older requests are not kept: DATABASE_URL is none.",
      unavailable: "The database does not answer; older requests are missing."
    },
    whole: "whole",
    streamed: "streamed",
    queue: "Queue",
    login: "Sign-in",
    wait: "Until the first token",
    answer: "Answer",
    requestId: "Request id",
    dialect: "API",
    asked: "Model asked for",
    answered: "Model that answered",
    account: "Account",
    prompt: "Prompt tokens",
    completion: "Answer tokens",
    reasoning: "of which thoughts",
    estimated: "estimated",
    retries: "Retries",
    toolCalls: "Tool calls",
    error: "Error",
    times: "Times",
    newer: (n: string) => `${n} newer`
  },
  plots: {
    title: "Plots",
    range: "Range",
    ranges: { "3h": "3 hours", "24h": "24 hours", "30d": "30 days" },
    outcomes: "Requests by outcome",
    firstToken: "Time to the first token",
    rate: "Tokens per second",
    queue: "Requests in the queue, at most",
    load: "In flight by instance, at most",
    time: "Time",
    median: "median",
    p95: "95th percentile",
    empty: "Nothing was measured in this time.",
    help: "Left and right arrow keys read the values."
  },
  connect: {
    title: "Connect",
    client: "Client",
    key: "Key",
    own: "the key you signed in with",
    anyKey: "any text: no key is needed",
    placeholder: (name: string) => `KEY-OF-${name}`,
    note: (name: string) => `The secret of ${name} is not known here: put it in place of KEY-OF-${name}.`,
    file: "File",
    commands: "Commands"
  }
}
