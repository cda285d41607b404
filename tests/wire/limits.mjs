// The other side's rate limits: what the documents of VibeGram, puregram and GramIO say that theirs
// do, written anew.
//
//   node limits.mjs PORT
//
// Each line of the input is a request, a JSON object; each line of the output is the answer to it:
// how long one has to wait as far as they tell that, or the name of an error.

import { createInterface } from 'node:readline'
import { Wire } from './wire.mjs'

class RedisStoreParseError extends Error {
  name = 'RedisStoreParseError'
}

const wire = new Wire(Number(process.argv[2]))

// VibeGram's store: a record that is read has two finite numbers, and one without a lifetime is
// taken away.
const records = {
  prefix: 'vibegram:rate-limit:',

  async get (key) {
    const text = await wire.call('GET', this.prefix + key)
    if (text === null) return undefined
    let record
    try {
      record = JSON.parse(text)
    } catch {
      throw new RedisStoreParseError(key)
    }
    if (!Number.isFinite(record?.count) || !Number.isFinite(record?.resetTime)) {
      throw new RedisStoreParseError(key)
    }
    return record
  },

  async set (key, record, ttlMs) {
    if (ttlMs <= 0) return await wire.call('DEL', this.prefix + key)
    await wire.call('PSETEX', this.prefix + key, String(ttlMs), JSON.stringify(record))
  }
}

// puregram's and GramIO's storages on Redis, which give no lifetimes unless they are told to.
const storage = prefix => ({
  async get (key) {
    const text = await wire.call('GET', prefix + key)
    return text ? JSON.parse(text) : undefined
  },
  set: (key, value) => wire.call('SET', prefix + key, JSON.stringify(value))
})

const limits = {
  async vibegram ({ key, limit, window, now }) {
    const record = await records.get(key)
    if (record === undefined || now > record.resetTime) {
      await records.set(key, { count: 1, resetTime: now + window * 1000 }, window * 1000)
      return false
    }
    const counted = { ...record, count: record.count + 1 }
    await records.set(key, counted, Math.max(0, record.resetTime - now))
    return counted.count > limit
  },

  async puregram ({ key, limit, window, now }) {
    const kept = storage('puregram:')
    const record = await kept.get(key)
    if (record === undefined || now >= record.resetAt) {
      await kept.set(key, { hits: 1, resetAt: now + window * 1000 })
      return null
    }
    if (record.hits >= limit) return Math.ceil((record.resetAt - now) / 1000)
    await kept.set(key, { ...record, hits: record.hits + 1 })
    return null
  },

  async gramio ({ key, limit, window, now }) {
    const kept = storage('')
    const found = await kept.get(key)
    const times = (Array.isArray(found) ? found : []).filter(time => now - time < window * 1000)
    if (times.length >= limit) return true
    await kept.set(key, [...times, now])
    return false
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const { method, ...told } = JSON.parse(line)
  try {
    console.log(JSON.stringify({ answer: await limits[method](told) }))
  } catch (error) {
    console.log(JSON.stringify({ error: error.name }))
  }
}
wire.socket.end()
