/**
 * The frame of the page, signing in, the bar and the accounts, in Chinese.
 */
import type { Words } from "../en.ts"

export const frame = {
  units: { ms: "毫秒", s: "秒", min: "分", h: "小时", d: "天" },
  title: "Lingma 网关",
  skip: "跳到正文",
  parts: "本页各部分",
  language: "语言",
  theme: { label: "主题", auto: "自动", light: "浅色", dark: "深色" },
  signOut: "退出",
  loading: "正在加载…",
  none: "无",
  all: "全部",
  unknown: "未知",
  more: "显示更多",
  cancel: "取消",
  close: "关闭",
  save: "保存",
  copy: "复制",
  copied: "已复制",
  copyFailed: "请按 Ctrl+C 复制",
  asTable: "以表格显示",
  refresh: "刷新",
  signIn: {
    title: "登录",
    help: "请输入管理员密钥。它只保存在本页的内存中，关闭页面即消失。",
    key: "管理员密钥",
    button: "登录",
    wrong: "密钥不正确。",
    notAdmin: "密钥正确，但不是管理员密钥。",
    needed: "网关现在需要密钥。",
    ended: "该密钥已失效，请重新登录。",
    foreign: "网关不接受从此地址进行管理。",
    unreachable: "网关没有响应，正在重试…"
  },
  link: {
    live: "实时",
    connecting: "正在连接…",
    lost: (seconds) =>
      seconds > 0 ? `网关没有响应，所见内容已过时。${seconds} 秒后重试。` : "网关没有响应，所见内容已过时。正在重试…",
    back: "网关已恢复响应。",
    newer: (version) => `网关已更新为 ${version}，请重新加载本页。`,
    reload: "重新加载",
    now: "立即重试"
  },
  bar: {
    title: "状态",
    baseUrl: "接口地址",
    uptime: "已运行",
    ready: "就绪",
    inFlight: "进行中",
    queued: "排队",
    oldest: "最长等待",
    of: (part, whole) => `${part} / ${whole}`,
    good: "一切正常。"
  },
  accounts: {
    title: "账号",
    noAccount: "无账号",
    emulated: "模拟器",
    states: {
      serving: "服务中",
      attached: "已附加",
      signing_in: "登录中",
      signed_out: "未登录",
      resting: "暂停",
      restarting: "重启中"
    },
    until: (time) => `至 ${time}`,
    chats: "今日对话",
    tokens: "今日词元",
    errorRate: "错误率",
    lastError: "最近错误",
    restarts: "重启次数",
    signIn: "登录",
    byHand: "手动登录",
    retry: "立即重试",
    trying: "正在重试。",
    already: "已经登录。",
    openPage: "打开登录页面",
    address: "浏览器最后停留的地址",
    addressHelp: "登录之后，浏览器可能停在一个打不开的地址，请把它粘贴到这里。",
    finish: "完成",
    done: "登录成功。"
  },
  failed: "操作失败",
  noAnswer: "网关没有响应。"
} satisfies Partial<Words>
