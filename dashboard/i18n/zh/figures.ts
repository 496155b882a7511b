/**
 * Requests, plots and set-ups of clients, in Chinese.
 */
import type { Words } from "../en.ts"

export const figures = {
  requests: {
    title: "请求",
    filters: "筛选",
    day: "日期",
    outcome: "结果",
    id: "编号包含",
    clear: "清除筛选",
    time: "时间",
    firstToken: "首词元",
    total: "总时长",
    tokens: "词元",
    open: (id) => `${id} 的详情`,
    outcomes: { completed: "完成", failed: "失败", cancelled: "取消", rejected: "拒绝" },
    empty: "没有请求。",
    searched: (time) => `已查找至 ${time}。`,
    ledger: {
      kept: "",
      memory: "更早的请求保存在内存中，网关结束后消失。",
      none: "更早的请求没有保存：DATABASE_URL 为 none。",
      unavailable: "数据库没有响应，缺少更早的请求。"
    },
    whole: "整体",
    streamed: "流式",
    queue: "排队",
    login: "登录",
    wait: "等待首词元",
    answer: "回答",
    requestId: "请求编号",
    dialect: "接口",
    asked: "请求的模型",
    answered: "回答的模型",
    account: "账号",
    prompt: "提示词元",
    completion: "回答词元",
    reasoning: "其中思考",
    estimated: "估计",
    retries: "重试",
    toolCalls: "工具调用",
    error: "错误",
    times: "用时",
    newer: (n) => `${n} 条新请求`
  },
  plots: {
    title: "图表",
    range: "范围",
    ranges: { "3h": "3 小时", "24h": "24 小时", "30d": "30 天" },
    outcomes: "按结果的请求数",
    firstToken: "首词元时间",
    rate: "每秒词元",
    queue: "排队请求数（最大）",
    load: "各实例进行中（最大）",
    time: "时间",
    median: "中位数",
    p95: "95 百分位",
    empty: "这段时间没有数据。",
    help: "用左右方向键读取数值。"
  },
  connect: {
    title: "接入",
    client: "客户端",
    key: "密钥",
    own: "登录所用的密钥",
    anyKey: "任意文字：不需要密钥",
    placeholder: (name) => `KEY-OF-${name}`,
    note: (name) => `这里不知道 ${name} 的密钥内容，请替换 KEY-OF-${name}。`,
    file: "文件",
    commands: "命令"
  }
} satisfies Partial<Words>
