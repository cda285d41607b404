// A Worker that serves the public paths of Cloudflare's KV from its binding.
//
// What it refuses itself is a matter of the paths: who asks, and for what. Limits of keys, values,
// metadata and ends are those of the engine, and its words and status are passed on.

const FAILED = /failed: (\d+) (.*)/s

class Refused extends Error {
  constructor (status, code, message) {
    super(message)
    Object.assign(this, { status, code })
  }
}

export default {
  async fetch (request, env) {
    try {
      return await answer(request, env)
    } catch (error) {
      return refusal(error)
    }
  }
}

async function answer (request, env) {
  const url = new URL(request.url)
  const place = `/client/v4/accounts/${env.ACCOUNT}/storage/kv/namespaces/`
  if (!url.pathname.startsWith(place)) throw new Refused(404, 7003, 'Could not route')
  if (request.headers.get('Authorization') !== `Bearer ${env.TOKEN}`) {
    throw new Refused(401, 10000, 'Authentication error')
  }
  const [namespace, action, ...rest] = url.pathname.slice(place.length).split('/')
  if (namespace !== env.NAMESPACE) throw new Refused(404, 10013, 'namespace not found')
  const named = ['values', 'metadata'].includes(action)
  const path = named ? `${action}/` : [action, ...rest].join('/')
  const act = ACTS[`${request.method} ${path}`]
  if (!act) throw new Refused(404, 7000, 'No route for that URI')
  return act(env.KV, request, url.searchParams, decodeURIComponent(rest.join('/')))
}

const ACTS = {
  'GET keys': list,
  'POST bulk/get': readMany,
  'PUT bulk': putMany,
  'POST bulk/delete': removeMany,
  'GET values/': read,
  'PUT values/': put,
  'DELETE values/': remove,
  'GET metadata/': readMetadata
}

async function list (kv, request, query) {
  const limit = query.has('limit') ? Number(query.get('limit')) : 1000
  const prefix = query.get('prefix') ?? ''
  // To the engine a prefix ends before its first NUL: of what it finds, some may be of others.
  const [start] = prefix.split('\0')
  const cursor = query.get('cursor') || undefined
  const found = await kv.list({ limit, prefix: start, cursor })
  const keys = found.keys.filter(key => key.name.startsWith(prefix))
  return success(keys, { count: keys.length, cursor: found.list_complete ? '' : found.cursor })
}

// A bulk read of the binding leaves out keys such as `12` and `__proto__`: these are read alone.
async function readMany (kv, request) {
  const { keys, type = 'text', withMetadata = false } = await request.json()
  const found = withMetadata ? await kv.getWithMetadata(keys, { type }) : await kv.get(keys, { type })
  const told = keys.map(async name => [name, await one(kv, name, found.get(name), type, withMetadata)])
  return success({ values: Object.fromEntries(await Promise.all(told)) })
}

async function one (kv, name, told, type, withMetadata) {
  if (told === undefined) {
    const { value, metadata } = await kv.getWithMetadata(name, { type })
    told = withMetadata && value !== null ? { value, metadata } : value
  }
  return withMetadata ? withEnd(kv, name, told) : told
}

// A bulk read of the binding does not tell when an entry ends: a list does.
async function withEnd (kv, name, held) {
  if (held === null || typeof held !== 'object') return held
  const { keys } = await kv.list({ prefix: name, limit: 1 })
  const expiration = keys[0]?.name === name ? keys[0].expiration : undefined
  return expiration === undefined ? held : { ...held, expiration }
}

async function putMany (kv, request) {
  const entries = await request.json()
  const last = new Map(entries.map((entry) => [entry.key, entry]))
  await all([...last.values()], (entry) =>
    kv.put(entry.key, entry.base64 ? bytes(entry.value) : entry.value, {
      metadata: entry.metadata ?? undefined,
      expiration: entry.expiration_ttl === undefined ? entry.expiration : undefined,
      expirationTtl: entry.expiration_ttl
    })
  )
  return success({ successful_key_count: entries.length, unsuccessful_keys: [] })
}

async function removeMany (kv, request) {
  const names = await request.json()
  await all(names, (name) => kv.delete(name))
  return success({ successful_key_count: names.length, unsuccessful_keys: [] })
}

async function read (kv, request, query, name) {
  const { value } = await kv.getWithMetadata(name, 'arrayBuffer')
  if (value === null) throw new Refused(404, 10009, "get: 'key not found'")
  const { keys } = await kv.list({ prefix: name, limit: 1 })
  const headers = { 'Content-Type': 'application/octet-stream' }
  if (keys[0]?.name === name && keys[0].expiration) headers.expiration = keys[0].expiration
  return new Response(value, { headers })
}

async function readMetadata (kv, request, query, name) {
  const { value, metadata } = await kv.getWithMetadata(name, 'arrayBuffer')
  if (value === null) throw new Refused(404, 10009, "get: 'key not found'")
  return success(metadata)
}

async function put (kv, request, query, name) {
  let value = await request.arrayBuffer()
  let metadata
  if (request.headers.get('Content-Type')?.startsWith('multipart/form-data')) {
    const form = await new Response(value, { headers: request.headers }).formData()
    const told = form.get('metadata')
    metadata = told === null ? undefined : JSON.parse(told)
    value = form.get('value')
  }
  await kv.put(name, value, {
    metadata,
    expiration: query.has('expiration_ttl') ? undefined : query.get('expiration') ?? undefined,
    expirationTtl: query.get('expiration_ttl') ?? undefined
  })
  return success(null)
}

async function remove (kv, request, query, name) {
  await kv.delete(name)
  return success(null)
}

// A few at once; the first one that is refused ends it.
async function all (things, act) {
  for (let start = 0; start < things.length; start += 50) {
    await Promise.all(things.slice(start, start + 50).map(act))
  }
}

function bytes (text) {
  return Uint8Array.from(atob(text), (one) => one.charCodeAt(0))
}

function success (result, info) {
  return Response.json({ success: true, errors: [], messages: [], result, result_info: info })
}

function refusal (error) {
  const [, status, message] = FAILED.exec(error.message) ?? []
  const told = { code: error.code ?? 0, message: message ?? error.message }
  const reply = { success: false, errors: [told], messages: [], result: null }
  return Response.json(reply, { status: error.status ?? Number(status ?? 400) })
}
