/**
 * Which quota of an account is used up, per model, and when it returns. Pure; times in epoch milliseconds.
 *
 * Two models spent at the same time count as the whole account being spent: quotas reported per model are mostly shared.
 */

/** A quota refusal: of one model, or without `model` of the whole account. */
export interface Quota {
  readonly model?: string | undefined
  /** When the quota returns, if known. */
  readonly until?: number | undefined
}

interface Mark {
  readonly model: string
  /** When the refusal came. */
  readonly since: number
  readonly until: number
}

export interface Spent {
  /** Refusal of the whole account: when it came, and until when it holds. */
  readonly account: { readonly since: number; readonly until: number }
  /** Sorted by return time, latest first. */
  readonly models: ReadonlyArray<Mark>
  /** Start of the latest successful chat: marks older than this do not count towards the account. */
  readonly proved: number
  /** When the next probe is allowed while no other account can answer, and the wait after it. */
  readonly probe: { readonly from: number; readonly wait: number }
}

/** Assumed time until the quota returns, when the refusal does not tell. */
export const REST_MILLIS = 60_000
/** Upper bound of any rest. */
export const LONGEST_MILLIS = 24 * 60 * 60_000
/** Max models remembered per account; two already count as all of them. */
export const MOST = 8
/** Wait between probes of a spent account: doubles from the first value up to the second. */
export const FIRST_WAIT = 1_000
export const LONGEST_WAIT = 5 * 60_000

export const nothing: Spent = { account: { since: 0, until: 0 }, models: [], proved: 0, probe: { from: 0, wait: 0 } }

const without = (models: ReadonlyArray<Mark>, model: string) => models.filter((mark) => mark.model !== model)

/** After a chat was refused for lack of quota. */
export const failed = (spent: Spent, quota: Quota, now: number): Spent => {
  const { account, models } = spent
  const until = Math.min(quota.until ?? now + REST_MILLIS, now + LONGEST_MILLIS)
  const { model } = quota
  const probe = isMarked(spent, now) ? spent.probe : { from: now, wait: FIRST_WAIT }
  if (model === undefined) {
    return { ...spent, account: { since: now, until: Math.max(account.until, until) }, probe }
  }
  const marks = [...without(models, model), { model, since: now, until }].sort((a, b) => b.until - a.until)
  return { ...spent, models: marks.slice(0, MOST), probe }
}

/**
 * After a chat on the model succeeded: the model is not spent. It clears the account's mark only if the chat began
 * after that refusal.
 */
export const succeeded = (spent: Spent, model: string, begunAt: number): Spent => {
  const { account, models, proved } = spent
  const isRefuted = account.until > 0 && begunAt > account.since
  const isProof = begunAt > proved && models.some(({ since }) => begunAt > since)
  if (!isRefuted && !isProof && !models.some((mark) => mark.model === model)) return spent
  return {
    ...spent,
    account: isRefuted ? nothing.account : account,
    models: without(models, model),
    proved: Math.max(proved, begunAt)
  }
}

/** Until when the whole account is spent. */
const ofAccount = ({ account, models, proved }: Spent) =>
  Math.max(account.until, models.filter(({ since }) => since >= proved)[1]?.until ?? 0)

const isMarked = (spent: Spent, now: number) => Math.max(spent.account.until, spent.models[0]?.until ?? 0) > now

/** When the model (undefined: any model) can be asked again; undefined: now. */
export const returns = (spent: Spent, model: string | undefined, now: number): number | undefined => {
  const own = spent.models.find((mark) => mark.model === model)?.until ?? 0
  const until = Math.max(ofAccount(spent), own)
  return until > now ? until : undefined
}

/**
 * Whether a spent account may be probed when no other can answer; it may have been topped up. The first probe is allowed
 * at once, the next after 1 s, then 2 s, 4 s and so on.
 */
export const mayProbe = ({ probe }: Spent, now: number): boolean => now >= probe.from

/** After a probe was sent. */
export const probed = (spent: Spent, now: number): Spent => {
  const { wait } = spent.probe
  return { ...spent, probe: { from: now + wait, wait: Math.min(wait * 2, LONGEST_WAIT) } }
}

/** The current marks: models, and an entry without `model` for the account. */
export const listed = (spent: Spent, now: number): ReadonlyArray<Quota & { readonly until: number }> => {
  const account = ofAccount(spent)
  const models = spent.models.map(({ model, until }) => ({ model, until }))
  return [...(account > 0 ? [{ until: account }] : []), ...models].filter(({ until }) => until > now)
}
