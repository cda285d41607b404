// GramIO's side of a conversation: what its documents say that its storages do, written anew; or its
// own storages, where there is a bundle of them.
//
//   node gramio.mjs PORT [BUNDLE]
//
// Each line of the input is a request, a JSON object; each line of the output is the answer to it.
// A value comes as JavaScript, because JSON has no undefined, and `undefined` is answered as a text.

import { createInterface } from 'node:readline'
import { Wire } from './wire.mjs'

const [port, bundle] = process.argv.slice(2)
const client = new Wire(Number(port))
const open = new Map()

const anew = {
  redisStorage ({ keyPrefix = '', $ttl }) {
    return {
      async get (key) {
        const text = await client.call('GET', keyPrefix + key)
        return text ? JSON.parse(text) : undefined
      },
      has: async key => Boolean(await client.call('GET', keyPrefix + key)),
      async set (key, value) {
        const text = JSON.stringify(value) ?? ''
        if ($ttl) await client.call('SETEX', keyPrefix + key, String($ttl), text)
        else await client.call('SET', keyPrefix + key, text)
      },
      delete: async key => await client.call('DEL', keyPrefix + key) === 1
    }
  },

  cloudflareStorage (namespace) {
    return {
      get: async key => await namespace.get(key, 'json') ?? undefined,
      has: async key => await namespace.get(key) !== null,
      set: (key, value) => namespace.put(key, JSON.stringify(value)),
      delete: async key => { await namespace.delete(key); return true }
    }
  }
}

// What a Worker has of a namespace, by way of the public API.
function binding ({ url, account, namespace, token }) {
  async function call (method, path, body) {
    const place = `${url}/accounts/${account}/storage/kv/namespaces/${namespace}/${path}`
    const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }
    const reply = await fetch(place, { method, headers, body: JSON.stringify(body) })
    const { success, result } = await reply.json()
    if (!success) throw new Error(`the service answered ${reply.status}`)
    return result
  }
  return {
    async get (key, type = 'text') {
      const { values } = await call('POST', 'bulk/get', { keys: [key], type: 'text' })
      const text = values[key] ?? null
      return type === 'json' && text !== null ? JSON.parse(text) : text
    },
    put: (key, value) => call('PUT', 'bulk', [{ key, value }]),
    delete: key => call('POST', 'bulk/delete', [key])
  }
}

const storages = bundle ? await import(bundle) : anew
const made = {
  redis: ({ prefix: keyPrefix, ttl: $ttl }) =>
    storages.redisStorage({ port: Number(port), keyPrefix, $ttl }),
  cloudflare: ({ place }) => storages.cloudflareStorage(binding(place)),
  sqlite: ({ filename, ttl: $ttl, tableName }) =>
    storages.sqliteStorage({ filename, $ttl, tableName })
}

function storage ({ of, options }) {
  const name = JSON.stringify([of, options])
  if (!open.has(name)) open.set(name, made[of](options ?? {}))
  return open.get(name)
}

for await (const line of createInterface({ input: process.stdin })) {
  const { method, key, js, ...told } = JSON.parse(line)
  const given = js === undefined ? [] : [(0, eval)(`(${js})`)]
  try {
    const answer = await storage(told)[method](key, ...given)
    console.log(JSON.stringify({ answer: answer === undefined ? 'undefined' : answer }))
  } catch (error) {
    console.log(JSON.stringify({ error: error.name }))
  }
}
process.exit()
