/**
 * What of an account's quota is used up, by model, and when it returns. Pure; time in milliseconds of the epoch.
 *
 * Two models that are spent at a time stand for the account: the quotas that are told per model are mostly shared.
 */

/** One failure for want of quota: a model's, or without a model the account's. */
export interface Quota {
  readonly model?: string | undefined
  /** The earliest return that is known. */
  readonly until?: number | undefined
}

interface Mark {
  readonly model: string
  /** When it was said. */
  readonly since: number
  readonly until: number
}

export interface Spent {
  /** What was said of the account whole: when, and until when it holds. */
  readonly account: { readonly since: number; readonly until: number }
  /** The latest return first. */
  readonly models: ReadonlyArray<Mark>
  /** When the latest chat began that ended well: models marked before do not stand for the account. */
  readonly proved: number
  /** From when it is asked all the same where nobody else can answer, and how long the next rest before that will be. */
  readonly probe: { readonly from: number; readonly wait: number }
}

/** How long what is spent rests where nothing says when it returns. */
export const restMillis = 60_000
/** Nothing rests longer. */
export const longestMillis = 24 * 60 * 60_000
/** Most models remembered for one account; two already stand for all of them. */
export const most = 8
/** Between two questions to a spent account: at first, doubled each time, and at most. */
export const firstWait = 1_000
export const longestWait = 5 * 60_000

export const nothing: Spent = { account: { since: 0, until: 0 }, models: [], proved: 0, probe: { from: 0, wait: 0 } }

const without = (models: ReadonlyArray<Mark>, model: string) => models.filter((mark) => mark.model !== model)

/** A chat failed because the quota is used up. */
export const failed = (spent: Spent, quota: Quota, now: number): Spent => {
  const { account, models } = spent
  const until = Math.min(quota.until ?? now + restMillis, now + longestMillis)
  const { model } = quota
  const probe = isMarked(spent, now) ? spent.probe : { from: now, wait: firstWait }
  if (model === undefined) {
    return { ...spent, account: { since: now, until: Math.max(account.until, until) }, probe }
  }
  const marks = [...without(models, model), { model, since: now, until }].sort((a, b) => b.until - a.until)
  return { ...spent, models: marks.slice(0, most), probe }
}

/**
 * A chat of the model ended well, so the model is not spent. Of the account it proves something only when it began
 * after that was said.
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

/** Until when the account as a whole is spent. */
const ofAccount = ({ account, models, proved }: Spent) =>
  Math.max(account.until, models.filter(({ since }) => since >= proved)[1]?.until ?? 0)

const isMarked = (spent: Spent, now: number) => Math.max(spent.account.until, spent.models[0]?.until ?? 0) > now

/** When the model can be asked again, without a model any; undefined: now. */
export const returns = (spent: Spent, model: string | undefined, now: number): number | undefined => {
  const own = spent.models.find((mark) => mark.model === model)?.until ?? 0
  const until = Math.max(ofAccount(spent), own)
  return until > now ? until : undefined
}

/**
 * Whether a chat may ask a spent account all the same, where no other can answer: it may have been topped up. The first
 * one may at once, the next after a second, then after two, four and so on.
 */
export const mayProbe = ({ probe }: Spent, now: number): boolean => now >= probe.from

/** A chat asks a spent account. */
export const probed = (spent: Spent, now: number): Spent => {
  const { wait } = spent.probe
  return { ...spent, probe: { from: now + wait, wait: Math.min(wait * 2, longestWait) } }
}

/** What is spent now: models, and without a model the account. */
export const listed = (spent: Spent, now: number): ReadonlyArray<Quota & { readonly until: number }> => {
  const account = ofAccount(spent)
  const models = spent.models.map(({ model, until }) => ({ model, until }))
  return [...(account > 0 ? [{ until: account }] : []), ...models].filter(({ until }) => until > now)
}
