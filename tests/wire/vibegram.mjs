// VibeGram's side of a conversation: what its documents say that its stores and its sessions do,
// written anew.
//
//   node vibegram.mjs PORT
//
// Each line of the input is a request, a JSON object; each line of the output is the answer to it.
// A value comes as JavaScript, because JSON has no undefined and no dates; and so does the handler
// of a `visit`, which is one update, or several at once.

import { createInterface } from 'node:readline'
import { Wire } from './wire.mjs'

class RedisStoreParseError extends Error {
  name = 'RedisStoreParseError'
}

class RedisSessionStore {
  constructor (client, { prefix = 'vibegram:session:', ttlMs = 24 * 60 * 60 * 1000 }) {
    Object.assign(this, { client, prefix, ttlMs })
  }

  async get (key) {
    const text = await this.client.get(this.prefix + key)
    if (text === null) return undefined
    try {
      return JSON.parse(text)
    } catch {
      throw new RedisStoreParseError(`Invalid JSON in session store for key "${this.prefix}${key}".`)
    }
  }

  async set (key, value) {
    const name = this.prefix + key
    const text = JSON.stringify(value)
    if (this.client.psetex) return await this.client.psetex(name, this.ttlMs, text)
    await this.client.set(name, text)
    await this.client.pexpire(name, this.ttlMs)
  }

  async delete (key) {
    await this.client.del(this.prefix + key)
  }
}

const dangerous = new Set(['__proto__', 'constructor', 'prototype'])

function cleaned (value) {
  if (Array.isArray(value)) return value.map(cleaned)
  if (value === null || typeof value !== 'object') return value
  const safe = Object.entries(value).filter(([name]) => !dangerous.has(name))
  return Object.fromEntries(safe.map(([name, part]) => [name, cleaned(part)]))
}

// One update of a key at a time, in the order of their coming; each one reads, and then writes
// whatever there is.
function sessions (initial) {
  const last = new Map()
  return async (store, ctx, next) => {
    const key = ctx.chat?.id && ctx.from?.id ? `${ctx.chat.id}:${ctx.from.id}` : undefined
    if (key === undefined) return await next(ctx)
    const before = last.get(key)
    let leave
    const mine = new Promise(resolve => { leave = resolve })
    last.set(key, mine)
    await before
    try {
      let current = await store.get(key) || initial()
      Object.defineProperty(ctx, 'session', {
        get: () => current,
        set: value => { current = cleaned(value) }
      })
      const answer = await next(ctx)
      if (current === null || current === undefined) await store.delete(key)
      else await store.set(key, current)
      return answer
    } finally {
      if (last.get(key) === mine) last.delete(key)
      leave()
    }
  }
}

const middleware = sessions(() => ({}))
const wire = new Wire(Number(process.argv[2]))
const client = {
  get: key => wire.call('GET', key),
  set: (key, value) => wire.call('SET', key, value),
  del: key => wire.call('DEL', key),
  pexpire: (key, ms) => wire.call('PEXPIRE', key, String(ms))
}
const better = { ...client, psetex: (key, ms, value) => wire.call('PSETEX', key, String(ms), value) }

for await (const line of createInterface({ input: process.stdin })) {
  const { method, key, js, ttlMs, prefix, steps, update, times = 1 } = JSON.parse(line)
  const store = new RedisSessionStore(steps === 2 ? client : better, { prefix, ttlMs })
  const given = js === undefined ? [] : [(0, eval)(`(${js})`)]
  try {
    const visit = () => middleware(store, { ...update }, given[0])
    const answer = method === 'visit'
      ? (await Promise.all(Array.from({ length: times }, visit))).at(-1)
      : await store[method](key, ...given)
    console.log(JSON.stringify({ answer: answer === undefined ? null : answer }))
  } catch (error) {
    console.log(JSON.stringify({ error: error.name }))
  }
}
wire.socket.end()
