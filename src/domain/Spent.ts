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
  readonly until: number
}

export interface Spent {
  /** What was said of the account whole: when, and until when it holds. */
  readonly account: { readonly since: number; readonly until: number }
  /** The latest return first. */
  readonly models: ReadonlyArray<Mark>
}

/** How long what is spent rests where nothing says when it returns. */
export const restMillis = 60_000
/** Nothing rests longer. */
export const longestMillis = 24 * 60 * 60_000
/** Most models remembered for one account; two already stand for all of them. */
export const most = 8

export const nothing: Spent = { account: { since: 0, until: 0 }, models: [] }

const without = (models: ReadonlyArray<Mark>, model: string) => models.filter((mark) => mark.model !== model)

/** A chat failed because the quota is used up. */
export const failed = ({ account, models }: Spent, quota: Quota, now: number): Spent => {
  const until = Math.min(quota.until ?? now + restMillis, now + longestMillis)
  const { model } = quota
  if (model === undefined) return { models, account: { since: now, until: Math.max(account.until, until) } }
  const marks = [...without(models, model), { model, until }].sort((a, b) => b.until - a.until)
  return { account, models: marks.slice(0, most) }
}

/**
 * A chat of the model ended well, so the model is not spent. Of the account it proves something only when it began
 * after that was said.
 */
export const succeeded = (spent: Spent, model: string, begunAt: number): Spent => {
  const { account, models } = spent
  const isRefuted = account.until > 0 && begunAt > account.since
  if (!isRefuted && !models.some((mark) => mark.model === model)) return spent
  return { account: isRefuted ? nothing.account : account, models: without(models, model) }
}

/** When the model can be asked again, without a model any; undefined: now. */
export const returns = ({ account, models }: Spent, model: string | undefined, now: number): number | undefined => {
  const own = models.find((mark) => mark.model === model)?.until ?? 0
  const until = Math.max(account.until, own, models[1]?.until ?? 0)
  return until > now ? until : undefined
}
