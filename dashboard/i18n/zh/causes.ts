/**
 * Why something failed or rests, by the codes of the API, in Chinese.
 */
export const errors: Readonly<Record<string, string>> = {
  backpressure: "网关同时收到的请求过多。",
  overloaded: "网关负载过高。",
  shutting_down: "网关当时正在关闭。",
  chat_stopped: "被管理员停止。",
  not_logged_in: "没有已登录的账号。",
  login_failed: "账号登录失败。",
  login_in_progress: "账号当时仍在登录。",
  upstream_not_ready: "没有正在运行且已连接的实例。",
  upstream_error: "服务商出错。",
  insufficient_quota: "账号的额度已用完。",
  rate_limit_exceeded: "已达到密钥或账号的限额。",
  upstream_timeout: "模型未在规定时间内回答。",
  content_filter: "被服务商的内容过滤拒绝。",
  too_many_images: "图片数量超出服务商上限。",
  model_not_found: "没有账号提供该模型。",
  model_not_allowed: "该密钥不能使用此模型。",
  tool_call_broken: "模型的工具调用无法解析。",
  tool_call_not_produced: "模型没有按要求调用工具。",
  empty_answer: "模型没有给出回答。",
  invalid_json_output: "模型的回答不是所要求的 JSON。",
  context_length_exceeded: "对话长度超出模型上限。",
  unsupported_value: "该模型不接受图片。",
  internal_error: "网关自身出错。"
}

/** Of a code such as `lingma_500`. */
export const providerError = (code: string) => `服务商返回错误 ${code}。`

export const login: Readonly<Record<string, string>> = {
  signed_in: "已登录。",
  idle: "没有正在进行的登录。",
  running: "网关的浏览器正在登录…",
  waiting_for_person: "请在下面的地址登录。",
  "login_failed:bad_credentials": "用户名或密码被拒绝。",
  "login_failed:human_needed": "登录页面需要人工操作。",
  "login_failed:browser_missing": "网关所在机器上没有浏览器，请手动登录。",
  "login_failed:timed_out": "登录页面未在规定时间内响应。",
  "login_failed:refused_host": "登录页面跳转到了不允许输入密码的主机。",
  "login_failed:no_login_url": "Lingma 没有给出登录地址。"
}

export const problems: Readonly<Record<string, (instance: string, until: string) => string>> = {
  draining: () => "网关正在关闭，不再接受新请求。",
  signed_out: (name) => `${name} 未登录。`,
  login_failed: (name) => `${name} 登录失败。`,
  quota_used_up: (name, until) => `${name} 的额度已用完，${until} 恢复。`,
  failing: (name, until) => `发往 ${name} 的请求失败，暂停至 ${until}。`,
  not_running: (name) => `${name} 没有运行。`,
  overloaded: () => "网关负载过高，正在拒绝新请求。",
  queue_full: () => "队列已满，正在拒绝新请求。"
}
