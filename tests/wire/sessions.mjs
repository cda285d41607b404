// Handlers of a bot on puregram or GramIO, and around them what their documents say that their
// sessions and scenes do, written anew.
//
//   node sessions.mjs PORT
//
// Each line of the input is an update to the plugin `method`, a JSON object; each line of the output
// is the answer to it.
// What the bot keeps is on the server, or, where the update brings the `record` of its key, in the
// answer: then whoever asks keeps it. The handler is JavaScript.

import { createInterface } from 'node:readline'
import { Wire } from './wire.mjs'

const told = Symbol('a value with a lifetime')

function ttl (value, t = 30_000) {
  if (t < 0) throw new Error('a lifetime is not negative')
  return { [told]: t, value }
}

function plain (value) {
  return Array.isArray(value) || Object.getPrototypeOf(value ?? 0) === Object.prototype
}

// An object that says when it, or what is inside of it, was changed.
function watched (target, changed, marks) {
  return new Proxy(target, {
    get (_, name) {
      const mark = marks?.get(name)
      if (mark !== undefined && Date.now() - mark.at > mark.t) {
        marks.delete(name)
        delete target[name]
      }
      const value = target[name]
      return plain(value) ? watched(value, changed, marks) : value
    },
    set (_, name, value) {
      changed()
      const t = value?.[told]
      if (t === 0) marks.delete(name)
      if (t > 0) marks.set(name, { t, at: Date.now() })
      if (t === undefined && marks?.has(name)) marks.get(name).at = Date.now()
      target[name] = t === undefined ? value : value.value
      return true
    },
    deleteProperty (_, name) {
      changed()
      return delete target[name]
    }
  })
}

async function puregram (storage, update, initial, handler) {
  const parts = { user: update.user, chat: update.chat, thread: update.thread, key: update.key }
  const named = Object.entries(parts).filter(([, value]) => value !== undefined)
  const key = named.map(part => part.join(':')).join(':')
  const found = await storage.get(key)
  const { __ttl: kept = {}, ...record } = found ?? initial()
  const marks = new Map(Object.entries(kept).filter(([name]) => name in record))
  let dirty = found === undefined
  const session = watched(record, () => { dirty = true }, marks)
  const answer = await handler(session, ttl)
  if (!dirty) {
    await storage.touch(key)
  } else if (Object.keys(record).length === 0) {
    await storage.delete(key)
  } else {
    const lasting = [...marks].filter(([name]) => name in record)
    const more = lasting.length === 0 ? {} : { __ttl: Object.fromEntries(lasting) }
    await storage.set(key, { ...record, ...more })
  }
  return answer
}

async function gramio (storage, update, initial, handler) {
  const key = String(update.user)
  const record = await storage.get(key) ?? initial()
  let dirty = false
  const session = watched(record, () => { dirty = true })
  Object.defineProperty(record, '$clear', {
    enumerable: false,
    value: async () => {
      await storage.delete(key)
      dirty = false
      for (const name of Object.keys(record)) delete record[name]
      Object.assign(record, initial())
    }
  })
  const answer = await handler(session)
  if (dirty) await storage.set(key, record)
  return answer
}

async function scenes (storage, update, _, handler) {
  const key = `@gramio/scenes:${update.user ?? 0}`
  let record = await storage.get(key)
  const begin = async (name, params, more = {}) => {
    const state = { name, state: {}, params, stepId: 0, previousStepId: 0, ...more }
    await storage.set(key, { ...state, firstTime: true, entered: false })
    record = { ...state, firstTime: false, entered: true }
    await storage.set(key, record)
  }
  return await handler({
    current: () => record,
    enter: begin,
    exit: () => storage.delete(key),
    enterSub: async (name, params) => {
      const { firstTime, entered, parentStack = [], ...frame } = record
      await begin(name, params, { parentStack: [...parentStack, frame] })
    },
    exitSub: async (data) => {
      const frames = [...record.parentStack]
      const frame = frames.pop()
      const state = { ...frame.state, ...data }
      const more = frames.length === 0 ? {} : { parentStack: frames }
      record = { ...frame, state, firstTime: false, ...more }
      await storage.set(key, record)
    },
    update: async (state) => {
      record = {
        ...record,
        state: { ...record.state, ...state },
        stepId: record.stepId + 1,
        previousStepId: record.stepId,
        firstTime: false
      }
      await storage.set(key, record)
    }
  })
}

// puregram's store gives a lifetime in milliseconds and GramIO's one in seconds.
function onServer (client, { prefix = '', px, ex }) {
  const lasting = px ? ['PX', String(px)] : ex ? ['EX', String(ex)] : []
  return {
    async get (key) {
      const text = await client.call('GET', prefix + key)
      return text ? JSON.parse(text) : undefined
    },
    set: (key, value) => client.call('SET', prefix + key, JSON.stringify(value), ...lasting),
    delete: key => client.call('DEL', prefix + key),
    touch: key => px && client.call('PEXPIRE', prefix + key, String(px))
  }
}

function inAnswer (text, done) {
  return {
    get: () => text === null ? undefined : JSON.parse(text),
    set: (key, value) => { done.push([key, JSON.stringify(value)]) },
    delete: (key) => { done.push([key, null]) },
    touch: () => {}
  }
}

const plugins = { puregram, gramio, scenes }
const client = new Wire(Number(process.argv[2]))

for await (const line of createInterface({ input: process.stdin })) {
  const { method, update, initial, handler, record, place } = JSON.parse(line)
  const done = []
  const storage = place === undefined ? inAnswer(record, done) : onServer(client, place)
  const first = (0, eval)(initial ?? '() => ({})')
  const said = await plugins[method](storage, update, first, (0, eval)(handler))
  console.log(JSON.stringify({ answer: { said, done } }))
}
client.socket.end()
