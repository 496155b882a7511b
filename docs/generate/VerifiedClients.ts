/**
 * Which clients the test suite runs, and what each is shown to do: by the test that shows it, by its file and its name.
 */

/** What a client can be shown to do, as people say it. */
export const features = {
  whole: { en: "whole answers", zh: "整段回答" },
  stream: { en: "streams", zh: "流式回答" },
  tools: { en: "tools", zh: "工具" },
  objects: { en: "objects by a schema", zh: "按 schema 输出对象" },
  thoughts: { en: "thoughts", zh: "思考内容" },
  pictures: { en: "pictures", zh: "图片" },
  abort: { en: "an aborted stream", zh: "中止流" },
  broken: { en: "a stream that breaks", zh: "中途断开的流" },
  errors: { en: "errors by class", zh: "错误类型" },
  key: { en: "a wrong key", zh: "错误的密钥" },
  models: { en: "models", zh: "模型列表" },
  session: { en: "a further turn of a session", zh: "同一会话的下一轮" },
  files: { en: "files written by its own tools", zh: "用自己的工具写文件" },
  compaction: { en: "compaction", zh: "压缩上下文" },
  search: { en: "web search", zh: "网页搜索" },
  pdf: { en: "PDFs", zh: "PDF" },
  mcp: { en: "MCP servers", zh: "MCP 服务器" },
  socket: { en: "WebSocket", zh: "WebSocket" },
  tokens: { en: "token counts", zh: "token 计数" },
  embeddings: { en: "embeddings", zh: "向量" },
  stored: { en: "stored responses", zh: "保存的应答" },
  conversations: { en: "conversations", zh: "会话(conversations)" },
  silence: { en: "a model that is long silent", zh: "长时间无输出的模型" },
  many: { en: "32 at once", zh: "32 个并发" },
  proxies: { en: "by nginx and Caddy", zh: "经 nginx 和 Caddy" },
  launch: { en: "`launch`", zh: "`launch`" }
} as const

export type Feature = keyof typeof features
/** A test's file below `test`, without its ending, and words of its name. */
export type Proof = readonly [file: string, name: string]

export interface Verified {
  readonly name: string
  /** A package of the development dependencies, or the command of an agent in `.ci/agents.json`. */
  readonly by: { readonly packages: readonly [string, ...ReadonlyArray<string>] } | { readonly command: string }
  readonly paths: ReadonlyArray<string>
  readonly shown: { readonly [F in Feature]?: Proof }
}

const chat = "/v1/chat/completions"
const responses = "/v1/responses"
const messages = "/v1/messages"
const chatSdk = "http/dialects/chat-completions"
const sdk = (dialect: string) => `http/dialects/${dialect}/Sdk`
const aborted = "ends its turn upstream when it aborts a stream"
const launched = (command: string): Proof => ["e2e/Launch", `name: "${command}"`]

const other = (name: string, command: string): Verified => ({
  name,
  by: { command },
  paths: [chat],
  shown: {
    ...(command === "cline" ? {} : { session: ["e2e/OtherAgents", "it writes a file by its own tool"] }),
    files: ["e2e/OtherAgents", "it writes a file by its own tool"],
    key: ["e2e/OtherAgents", "say so when its key is wrong"],
    ...(command === "opencode" || command === "qwen" ? { launch: launched(command) } : {})
  }
})

export const clients: ReadonlyArray<Verified> = [
  {
    name: "Claude Code",
    by: { command: "claude" },
    paths: [messages],
    shown: {
      session: ["e2e/ClaudeCode", "answers, and goes on in the same session"],
      files: ["e2e/ClaudeCode", "writes a file by its own tool"],
      compaction: ["e2e/ClaudeCode", "compacts a conversation that is too long"],
      search: ["e2e/ClaudeCode", "searches for a tool, then the web"],
      pdf: ["e2e/ClaudeCode", "reads a PDF"],
      tokens: ["e2e/ClaudeCodeSessions", "tell what fills the context"],
      broken: ["e2e/ClaudeCode", "says so when an answer breaks"],
      key: ["e2e/ClaudeCode", "says what is wrong with a wrong key"],
      launch: launched("claude")
    }
  },
  {
    name: "Codex",
    by: { command: "codex" },
    paths: [responses],
    shown: {
      session: ["e2e/Codex", "answers, and goes on in the same session"],
      files: ["e2e/Codex", "writes a file by its own tool"],
      compaction: ["e2e/CodexSessions", "are compacted at their limit"],
      mcp: ["e2e/CodexSessions", "find and call the tools of three MCP servers"],
      socket: ["e2e/Codex", "keeps to one WebSocket"],
      silence: ["e2e/CodexSessions", "wait for a model that is silent"],
      broken: ["e2e/Codex", "says that an answer broke"],
      key: ["e2e/Codex", "is let in by the right one, and says so when it is wrong"],
      launch: launched("codex")
    }
  },
  {
    name: "pi",
    by: { command: "pi" },
    paths: [chat, responses, messages],
    shown: {
      files: ["e2e/Pi", "reads a file, edits it"],
      key: ["e2e/Pi", "says so when its key is wrong"],
      launch: launched("pi")
    }
  },
  other("opencode", "opencode"),
  other("Qwen Code", "qwen"),
  other("Continue", "cn"),
  other("Cline", "cline"),
  {
    name: "OpenAI SDK",
    by: { packages: ["openai"] },
    paths: [chat, responses, "/v1/completions", "/v1/embeddings"],
    shown: {
      whole: [sdk("chat-completions"), "gets a whole answer"],
      stream: [sdk("chat-completions"), "streams, with usage when it asks"],
      tools: [`${chatSdk}/SdkTools`, "runs a whole loop of three turns, each way"],
      objects: [`${chatSdk}/SdkTools`, "parses what fits its schema"],
      pictures: [`${chatSdk}/SdkTools`, "sends a picture that arrives whole"],
      abort: [sdk("responses"), aborted],
      broken: [sdk("chat-completions"), "throws when a stream breaks"],
      errors: [sdk("chat-completions"), "throws its own class of error for each failure"],
      key: ["e2e/Clients", "refuses a wrong key"],
      models: ["e2e/Clients", "lists models, and finds each by its id"],
      stored: [sdk("responses"), "goes on from a response that is held"],
      conversations: ["http/dialects/responses/Conversations", "grows by each turn"],
      socket: ["http/socket/Socket", "serves the WebSocket class of the openai package"],
      embeddings: ["http/embeddings/Embeddings", "serves the openai package"],
      many: ["e2e/Clients", "keeps 32 chats at once apart"],
      proxies: ["e2e/Proxies", "serves OpenAI's own client"]
    }
  },
  {
    name: "Anthropic SDK",
    by: { packages: ["@anthropic-ai/sdk"] },
    paths: [messages],
    shown: {
      whole: [sdk("messages"), "creates a message"],
      stream: [sdk("messages"), "streams, thoughts where they are asked for"],
      tools: [sdk("messages"), "runs a loop with a tool"],
      thoughts: [sdk("messages"), "streams, thoughts where they are asked for"],
      search: ["http/dialects/messages/WebSearch", "is run by the gateway, told to the model"],
      tokens: ["http/dialects/messages/CountTokens", "is what the SDK expects"],
      abort: [sdk("messages"), aborted],
      broken: [sdk("messages"), "throws when a stream breaks"],
      errors: [sdk("messages"), "throws its own class of error for each failure"],
      models: [sdk("messages"), "lists models and finds one"],
      proxies: ["e2e/Proxies", "serves Anthropic's own client"]
    }
  },
  {
    name: "AI SDK",
    by: { packages: ["ai", "@ai-sdk/openai-compatible"] },
    paths: [chat],
    shown: {
      whole: [`${chatSdk}/SdkAgents`, "generates text with tools"],
      stream: [`${chatSdk}/SdkAgents`, "streams text with tools"],
      tools: ["e2e/Agents", "run tools and make objects with the AI SDK"],
      objects: [`${chatSdk}/SdkAgents`, "generates an object"],
      thoughts: [`${chatSdk}/SdkAgents`, "tells thoughts from text"]
    }
  },
  {
    name: "LangChain",
    by: { packages: ["@langchain/openai", "@langchain/core"] },
    paths: [chat, responses],
    shown: {
      whole: ["http/dialects/responses/LangChain", "answers, whole and streamed"],
      stream: ["http/dialects/responses/LangChain", "answers, whole and streamed"],
      tools: [`${chatSdk}/SdkAgents`, "binds tools, whole and streamed"],
      objects: [`${chatSdk}/SdkAgents`, "gives structured output"]
    }
  },
  {
    name: "Effect AI",
    by: { packages: ["@effect/ai-openai", "@effect/ai"] },
    paths: [responses],
    shown: {
      whole: ["http/dialects/responses/EffectAi", "generates text, calls tools"],
      stream: ["http/dialects/responses/EffectAi", "streams both, and loses nothing"],
      tools: ["http/dialects/responses/EffectAi", "generates text, calls tools"]
    }
  }
]
