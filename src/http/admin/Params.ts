/**
 * What is asked of administrators' routes, read from the URL; the platform's own decode error has another shape than theirs.
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Effect, Either, Option } from "effect"
import { badRequest, type Failure } from "../dialects/openai/OpenAiFailure.ts"

/** Most values of a list. */
const MOST_VALUES = 100

export const of = (url: string): URLSearchParams => new URL(url, "http://localhost").searchParams

/** Of the request that is served. */
export const current = Effect.map(HttpServerRequest.HttpServerRequest, ({ url }) => of(url))

export const invalid = (param: string, rule: string): Failure =>
  badRequest(`Invalid '${param}': ${rule}.`, param, "invalid_value")

export const one = <const A extends string>(
  params: URLSearchParams,
  name: string,
  among: ReadonlyArray<A>,
  usual: A
): Either.Either<A, Failure> => {
  const given = params.get(name) ?? usual
  const found = among.find((word) => word === given)
  return found === undefined
    ? Either.left(
        badRequest(
          `Invalid value for '${name}'. Supported values are: ${among.map((word) => `'${word}'`).join(", ")}.`,
          name,
          "invalid_value"
        )
      )
    : Either.right(found)
}

export const integer = (params: URLSearchParams, name: string, min: number, max: number) => {
  const given = params.get(name)
  if (given === null) return Either.right(Option.none<number>())
  const value = /^\d{1,12}$/.test(given) ? Number(given) : Number.NaN
  return value >= min && value <= max
    ? Either.right(Option.some(value))
    : Either.left(invalid(name, `expected an integer from ${min} to ${max}`))
}

export const list = (params: URLSearchParams, name: string): Either.Either<ReadonlyArray<string>, Failure> => {
  const values = [...params.getAll(name), ...params.getAll(`${name}[]`)].flatMap((value) => value.split(","))
  return values.length > MOST_VALUES
    ? Either.left(invalid(name, `expected an array with maximum length ${MOST_VALUES}`))
    : Either.right(values.filter((value) => value !== ""))
}

/** A list that must not be empty, without those that are there twice. */
export const names = (
  params: URLSearchParams,
  name: string,
  most: number
): Either.Either<ReadonlySet<string>, Failure> => {
  const values = params
    .getAll(name)
    .flatMap((value) => value.split(","))
    .filter((value) => value !== "")
  if (values.length === 0)
    return Either.left(badRequest(`Missing required parameter: '${name}'.`, name, "missing_required_parameter"))
  return values.length > most
    ? Either.left(invalid(name, `expected an array with maximum length ${most}`))
    : Either.right(new Set(values))
}

/** Undefined where there is none. */
export const text = (
  params: URLSearchParams,
  name: string,
  longest: number
): Either.Either<string | undefined, Failure> => {
  const given = params.get(name) ?? ""
  if (given.length > longest) return Either.left(invalid(name, `expected a text of at most ${longest} characters`))
  return Either.right(given === "" ? undefined : given)
}
