/**
 * The models an instance offers, and which of them a client's word means.
 */

/** What is known of a model; unknown figures are absent, never invented. */
export interface Model {
  readonly key: string
  readonly name: string
  readonly scene: string
  readonly isDefault: boolean
  readonly reasoning?: boolean
  readonly vision?: boolean
  readonly contextLength?: number
}
