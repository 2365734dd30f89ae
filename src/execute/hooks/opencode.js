// Hands what opencode tells its plugins to agentd, one after the other. agentd writes this file anew at each start.
import { spawn } from "node:child_process"

const TOLD = /^(session\.(created|updated|status|idle|error)|permission\.|question\.|message\.updated)/
// Sessions below the main one are its agents'.
const below = new Set()
// What was told last of what is told again and again while it grows.
const last = new Map()
let queue = Promise.resolve()
let isLoaded = false

const run = (event) =>
  new Promise((done) => {
    const stdio = ["pipe", "ignore", "ignore"]
    const hook = spawn("{agentd}", ["hook", "opencode"], { stdio, timeout: 5000 })
    hook.on("error", done)
    hook.on("close", done)
    hook.stdin.on("error", () => {})
    hook.stdin.end(JSON.stringify(event))
  }).catch(() => {})

const tell = (event) => {
  queue = queue.then(() => run(event))
}

// Whether there is nothing new in it.
const isStale = (event, info) => {
  let gist
  if (event.type === "session.updated") gist = [info.id, info.cost, info.tokens]
  else if (event.type !== "message.updated") return false
  else if (info.role !== "assistant") return true
  else gist = [info.id, info.finish, info.time?.completed !== undefined, info.error]
  const text = JSON.stringify(gist)
  if (last.get(event.type) === text) return true
  last.set(event.type, text)
  return false
}

export const Agentd = async () => {
  if (!process.env.AGENTD_NOTIFY_SOCKET) return {}
  if (!isLoaded) tell({ type: "agentd.loaded" })
  isLoaded = true
  return {
    event: async ({ event }) => {
      const { sessionID, info = {} } = event.properties ?? {}
      if (info.parentID && event.type.startsWith("session.")) below.add(info.id)
      if (TOLD.test(event.type) && !below.has(sessionID) && !isStale(event, info)) tell(event)
    },
  }
}
