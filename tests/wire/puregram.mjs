// puregram's side of a conversation: what its documents say that its stores do, written anew.
//
//   node puregram.mjs PORT
//
// Each line of the input is a request, a JSON object; each line of the output is the answer to it.
// A value comes as JavaScript, because JSON has no undefined and no dates.

import { createInterface } from 'node:readline'
import { Wire } from './wire.mjs'

class RedisStorage {
  constructor ({ client, prefix = 'puregram:', ttlMs }) {
    Object.assign(this, { client, prefix, ttlMs })
  }

  async get (key) {
    const text = await this.client.call('GET', this.prefix + key)
    return text === null ? undefined : JSON.parse(text)
  }

  async set (key, value) {
    const lasting = this.ttlMs === undefined ? [] : ['PX', String(this.ttlMs)]
    await this.client.call('SET', this.prefix + key, JSON.stringify(value) ?? '', ...lasting)
  }

  async delete (key) {
    await this.client.call('DEL', this.prefix + key)
  }

  async has (key) {
    return await this.client.call('EXISTS', this.prefix + key) === 1
  }

  async touch (key) {
    if (this.ttlMs === undefined) return
    await this.client.call('PEXPIRE', this.prefix + key, String(this.ttlMs))
  }

  async keys () {
    const names = await this.client.call('KEYS', `${this.prefix}*`)
    return names.map(name => name.slice(this.prefix.length))
  }
}

class Enhanced {
  constructor (base, migrations) {
    this.base = base
    this.migrations = migrations
    this.version = Math.max(0, ...Object.keys(migrations).map(Number))
  }

  async get (key) {
    const found = await this.base.get(key)
    if (found === undefined) return undefined
    const sealed = typeof found === 'object' && found !== null && '__v' in found
    if (sealed && '__exp' in found && Date.now() > found.__exp) {
      await this.base.delete(key)
      return undefined
    }
    const record = sealed ? found : { __v: 0, data: found }
    if (sealed && record.__v >= this.version) return record.data
    for (let version = record.__v + 1; version <= this.version; version++) {
      record.data = this.migrations[version]?.(record.data) ?? record.data
    }
    await this.base.set(key, { ...record, __v: this.version })
    return record.data
  }

  async set (key, value) {
    await this.base.set(key, { __v: this.version, data: value })
  }
}

const migrations = {
  1: data => ({ ...data, role: 'guest' }),
  2: data => ({ ...data, counter: data.counter ?? 0 })
}
const client = new Wire(Number(process.argv[2]))

for await (const line of createInterface({ input: process.stdin })) {
  const { method, key, js, ttlMs, prefix, enhanced } = JSON.parse(line)
  const base = new RedisStorage({ client, prefix, ttlMs })
  const storage = enhanced ? new Enhanced(base, migrations) : base
  const given = js === undefined ? [] : [(0, eval)(`(${js})`)]
  try {
    const answer = await storage[method](...(key === undefined ? [] : [key]), ...given)
    console.log(JSON.stringify({ answer, text: JSON.stringify(answer) }))
  } catch (error) {
    console.log(JSON.stringify({ error: error.name }))
  }
}
client.socket.end()
