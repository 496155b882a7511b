/**
 * The instances among which a request is routed: those that offer what it asks for and have quota for it. Pure.
 */
import { Array as Arr, Either } from "effect"
import { QuotaExhausted } from "./ChatError.ts"
import * as Login from "./Login.ts"
import type { Model } from "./Model.ts"
import * as Offer from "./Offer.ts"

/** An instance as the choice sees it. */
export interface Candidate {
  readonly id: string
  readonly state: string
  readonly ready: boolean
  readonly failing: boolean
  readonly loggedIn: boolean | undefined
  readonly login: Login.AccountState
  /** Empty when they are not known. */
  readonly models: ReadonlyArray<Model>
}

/** What a list of models is to a request. */
export type Offers = (models: ReadonlyArray<Model>) => Offer.Offer

/** Why none of the instances is given. */
export type Unserved = Offer.Refusal | QuotaExhausted

export interface Wanted<A> {
  /** Absent: any instance will do, whatever it offers. */
  readonly offers: Offers | undefined
  /** When the account can be asked for the model again, without a model for any; undefined: now. */
  readonly returns: (instance: A, model: string | undefined) => number | undefined
  /** Whether an account that is spent may be asked all the same, since no other can answer. */
  readonly mayProbe: (instance: A) => boolean
}

/** States that lead to ready without anybody's doing. */
const coming: ReadonlySet<string> = new Set(["starting", "reconnecting"])

type Some<A> = Arr.NonEmptyReadonlyArray<A>

const isReady = ({ ready }: Candidate) => ready
const isConnected = ({ loggedIn, state }: Candidate) => state === "ready" && loggedIn !== false
const isFailing = (instance: Candidate) => instance.failing && isConnected(instance)
const isSigningIn = ({ loggedIn, login, state }: Candidate) =>
  state === "ready" && loggedIn === false && Login.endsByItself(login)
const isComing = (instance: Candidate) => coming.has(instance.state) || isSigningIn(instance)

/** The first of these kinds that there are any of. */
const firstOf = <A>(instances: ReadonlyArray<A>, ...kinds: ReadonlyArray<(instance: A) => boolean>) => {
  for (const kind of kinds) {
    const some = instances.filter(kind)
    if (Arr.isNonEmptyReadonlyArray(some)) return some
  }
  return undefined
}

/** What the instances are to a request. */
interface Survey<A> {
  /** Those that may answer it: nothing is known against it. */
  readonly able: ReadonlyArray<A>
  /** Those of them that are known to offer the model. */
  readonly sure: ReadonlyArray<A>
  /** Of those that offer it but have no quota left, the one that returns first. */
  readonly spent: QuotaExhausted | undefined
  /** Those of these that may be asked all the same. */
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
    const offer = offers(instance.models)
    if (Either.isLeft(offer)) {
      // What is offered without an account says nothing of what one would offer.
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
 * Connected instances first, and of the ready ones those that surely offer the model; then those on their way. What is
 * down is asked when it offers the model and no account is merely spent, or when nobody knows better: each try may wake
 * one. Where all are spent, one of them is asked now and then.
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

/** For a further try: a ready one, else a failing one, else one on its way. */
export const chooseOther = <A extends Candidate>(untried: ReadonlyArray<A>, wanted: Wanted<A>): Some<A> | undefined => {
  const { able, sure } = survey(untried, wanted)
  return firstOf(sure, isReady) ?? firstOf(able, isReady, isFailing, isComing)
}
