/**
 * What tools came to that the gateway ran, or could not, as blocks of an answer.
 */
import { Schema } from "effect"

export const Caller = Schema.Struct({ type: Schema.Literal("direct") })

const SearchResult = Schema.Struct({
  type: Schema.Literal("web_search_tool_result"),
  caller: Caller,
  tool_use_id: Schema.String,
  content: Schema.Union(
    Schema.Array(
      Schema.Struct({
        type: Schema.Literal("web_search_result"),
        title: Schema.String,
        url: Schema.String,
        page_age: Schema.NullOr(Schema.String),
        encrypted_content: Schema.String
      })
    ),
    Schema.Struct({
      type: Schema.Literal("web_search_tool_result_error"),
      error_code: Schema.Literal("unavailable", "invalid_tool_input", "max_uses_exceeded", "query_too_long")
    })
  )
})

const FetchError = Schema.Literal(
  "unavailable",
  "invalid_tool_input",
  "max_uses_exceeded",
  "too_many_requests",
  "url_too_long",
  "url_not_allowed",
  "url_not_in_prior_context",
  "url_not_accessible",
  "unsupported_content_type",
  "content_too_large"
)

const FetchResult = Schema.Struct({
  type: Schema.Literal("web_fetch_tool_result"),
  caller: Caller,
  tool_use_id: Schema.String,
  content: Schema.Union(
    Schema.Struct({
      type: Schema.Literal("web_fetch_result"),
      url: Schema.String,
      retrieved_at: Schema.String,
      content: Schema.Struct({
        type: Schema.Literal("document"),
        title: Schema.NullOr(Schema.String),
        citations: Schema.Null,
        source: Schema.Struct({
          type: Schema.Literal("text"),
          media_type: Schema.Literal("text/plain"),
          data: Schema.String
        })
      })
    }),
    Schema.Struct({ type: Schema.Literal("web_fetch_tool_result_error"), error_code: FetchError })
  )
})

export const ResultBlock = Schema.Union(SearchResult, FetchResult)
export type ResultBlock = typeof ResultBlock.Encoded
export type SearchError = "unavailable" | "invalid_tool_input" | "max_uses_exceeded" | "query_too_long"
export type FetchError = typeof FetchError.Type

/** The model called it, not a program of its. */
export const DIRECT = { type: "direct" } as const

export const searchFailed = (id: string, code: SearchError): ResultBlock => ({
  type: "web_search_tool_result",
  caller: DIRECT,
  tool_use_id: id,
  content: { type: "web_search_tool_result_error", error_code: code }
})

export const fetchFailed = (id: string, code: FetchError): ResultBlock => ({
  type: "web_fetch_tool_result",
  caller: DIRECT,
  tool_use_id: id,
  content: { type: "web_fetch_tool_result_error", error_code: code }
})

export type Name = "web_search" | "web_fetch"

/** What a tool says that is not there. */
export const failed = (name: Name, id: string, code: "unavailable" | "max_uses_exceeded"): ResultBlock =>
  name === "web_search" ? searchFailed(id, code) : fetchFailed(id, code)
