/**
 * Selects the candidates for a request before routing: instances that offer its model and have quota left. Pure.
 */
import { Array as Arr, Either } from "effect"
import { QuotaExhausted } from "./ChatError.ts"
import * as Login from "./Login.ts"
import type { Model } from "./Model.ts"
import * as Offer from "./Offer.ts"

/** The part of an instance that the selection reads. */
export interface Candidate {
  readonly id: string
  readonly state: string
  readonly ready: boolean
  readonly failing: boolean
  readonly loggedIn: boolean | undefined
  readonly login: Login.AccountState
  /** Empty when unknown. */
  readonly models: ReadonlyArray<Model>
}

/** Resolves a request's model against the models of an instance. */
export type Offers<A = unknown> = (models: ReadonlyArray<Model>, instance: A) => Offer.Offer

/** Why there is no candidate. */
export type Unserved = Offer.Refusal | QuotaExhausted

export interface Wanted<A> {
  /** Undefined: any instance will do. */
  readonly offers: Offers<A> | undefined
  /** When the account's quota for the model (undefined: for any model) is back, in epoch ms; undefined: now. */
  readonly returns: (instance: A, model: string | undefined) => number | undefined
  /** Whether a spent account may be probed, when no other account can answer. */
  readonly mayProbe: (instance: A) => boolean
}

/** States that become ready without intervention. */
const coming: ReadonlySet<string> = new Set(["starting", "reconnecting"])

type Some<A> = Arr.NonEmptyReadonlyArray<A>

const isReady = ({ ready }: Candidate) => ready
const isConnected = ({ loggedIn, state }: Candidate) => state === "ready" && loggedIn !== false
const isFailing = (instance: Candidate) => instance.failing && isConnected(instance)
const isSigningIn = ({ loggedIn, login, state }: Candidate) =>
  state === "ready" && loggedIn === false && Login.endsByItself(login)
const isComing = (instance: Candidate) => coming.has(instance.state) || isSigningIn(instance)

/** The instances of the first non-empty kind. */
const firstOf = <A>(instances: ReadonlyArray<A>, ...kinds: ReadonlyArray<(instance: A) => boolean>) => {
  for (const kind of kinds) {
    const some = instances.filter(kind)
    if (Arr.isNonEmptyReadonlyArray(some)) return some
  }
  return undefined
}

/** The instances, sorted by what they can do for a request. */
interface Survey<A> {
  /** May answer: nothing known rules them out. */
  readonly able: ReadonlyArray<A>
  /** The able ones that are known to offer the model. */
  readonly sure: ReadonlyArray<A>
  /** Offers the model without quota left: the one whose quota returns first. */
  readonly spent: QuotaExhausted | undefined
  /** The spent ones that may be probed now. */
  readonly probes: ReadonlyArray<A>
  readonly refusals: ReadonlyArray<Offer.Refusal>
}

const survey = <A extends Candidate>(
  instances: ReadonlyArray<A>,
  { mayProbe, offers, returns }: Wanted<A>
): Survey<A> => {
  if (offers === undefined) return { able: instances, sure: instances, spent: undefined, probes: [], refusals: [] }
  const able: Array<A> = []
  const sure: Array<A> = []
  const probes: Array<A> = []
  const refusals: Array<Offer.Refusal> = []
  let spent: QuotaExhausted | undefined
  for (const instance of instances) {
    const offer = offers(instance.models, instance)
    if (Either.isLeft(offer)) {
      // The models listed while signed out are not those of the account.
      if (instance.loggedIn === false) able.push(instance)
      else refusals.push(offer.left)
      continue
    }
    const { id, models } = instance
    const { key: model } = offer.right
    const until = returns(instance, model)
    if (until === undefined) {
      able.push(instance)
      if (models.length > 0) sure.push(instance)
      continue
    }
    if (mayProbe(instance)) probes.push(instance)
    if (spent?.until === undefined || until < spent.until) {
      const isOfAccount = returns(instance, undefined) !== undefined
      spent = new QuotaExhausted({ instance: id, until, ...(isOfAccount ? {} : { model }) })
    }
  }
  return { able, sure, spent, probes, refusals }
}

/**
 * Candidates in order of preference: ready and known to offer the model, connected, then starting or signing in.
 * Instances that are down are candidates when they offer the model and no account is just spent, or when nothing is
 * known of any instance: an attempt may restart one. When all are spent, one is probed at growing intervals.
 */
export const choose = <A extends Candidate>(
  instances: Some<A>,
  wanted: Wanted<A>
): Either.Either<Some<A>, Unserved> => {
  const { able, probes, refusals, spent, sure } = survey(instances, wanted)
  const connected = firstOf(sure, isReady) ?? firstOf(able, isReady, isFailing, isConnected)
  if (connected !== undefined) return Either.right(connected)
  if (able.length === instances.length) return Either.right(instances)
  const others = firstOf(able, isComing)
  if (others !== undefined) return Either.right(others)
  if (spent !== undefined) return Either.fromNullable(firstOf(probes, isReady, isFailing), () => spent)
  if (Arr.isNonEmptyReadonlyArray(sure)) return Either.right(sure)
  const [first, ...more] = refusals
  return first === undefined ? Either.right(instances) : Either.left(Offer.nearest(first, ...more))
}

/** Candidates for a retry: a ready one, else a failing one, else one that is starting. */
export const chooseOther = <A extends Candidate>(untried: ReadonlyArray<A>, wanted: Wanted<A>): Some<A> | undefined => {
  const { able, sure } = survey(untried, wanted)
  return firstOf(sure, isReady) ?? firstOf(able, isReady, isFailing, isComing)
}
