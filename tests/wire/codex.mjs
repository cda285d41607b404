// The memory of VibeGram's Codex on Redis: what its documents say that it does, written anew.
//
//   node codex.mjs PORT
//
// Each line of the input is a request, a JSON object; each line of the output is the answer to it.
// A message comes as JavaScript, because JSON has no undefined and no dates.

import { createInterface } from 'node:readline'
import { Wire } from './wire.mjs'

class RedisStoreParseError extends Error {
  name = 'RedisStoreParseError'
}

class RedisCodexMemoryStore {
  constructor ({ prefix = 'vibegram:codex:', ttlMs, maxHistory = 20 }) {
    Object.assign(this, { prefix, ttlMs, maxHistory })
  }

  async list (key) {
    const text = await wire.call('GET', this.prefix + key)
    if (text === null) return []
    let found
    try {
      found = JSON.parse(text)
    } catch {
      throw new RedisStoreParseError(key)
    }
    if (!Array.isArray(found)) throw new RedisStoreParseError(key)
    return found
  }

  // Reads, and then writes whatever there is.
  async append (key, message) {
    const history = [...await this.list(key), message]
    const text = JSON.stringify(this.trimmed(history))
    if (this.ttlMs === undefined) await wire.call('SET', this.prefix + key, text)
    else await wire.call('PSETEX', this.prefix + key, String(this.ttlMs), text)
  }

  // Of a bound of 1 and a first message of the system, slice(-0) is all there is.
  trimmed (history) {
    if (history.length <= this.maxHistory) return history
    const system = history[0].role === 'system' ? [history[0]] : []
    return [...system, ...history.slice(-(this.maxHistory - system.length))]
  }

  async clear (key) {
    await wire.call('DEL', this.prefix + key)
  }
}

const wire = new Wire(Number(process.argv[2]))

for await (const line of createInterface({ input: process.stdin })) {
  const { method, key, js, ...options } = JSON.parse(line)
  const given = js === undefined ? [] : [(0, eval)(`(${js})`)]
  try {
    const answer = await new RedisCodexMemoryStore(options)[method](key, ...given)
    console.log(JSON.stringify({ answer: answer === undefined ? null : answer }))
  } catch (error) {
    console.log(JSON.stringify({ error: error.name }))
  }
}
wire.socket.end()
