/**
 * An answer of the control API.
 */
export interface Answer {
  readonly status: number
  readonly body: unknown
}

export const good = (body: unknown = { ok: true }): Answer => ({ status: 200, body })
export const bad = (error: string): Answer => ({ status: 400, body: { error } })
