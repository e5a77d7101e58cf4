// Ollama's JavaScript client against the proxy: everything that it can ask of a server.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'

import { Ollama } from 'ollama'

const host = process.env.OLLAMA_HOST
const model = process.env.CHAT_MODEL
const thinker = process.env.THINKING_MODEL
const embedder = process.env.EMBEDDING_MODEL
const client = new Ollama({ host })

const SKY = 'The sky is blue because air scatters blue light more than red light.'
const ask = (content) => [{ role: 'user', content }]
const sky = ask('Why is the sky blue?')
const weather = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather in a city',
    parameters: { type: 'object', required: ['city'], properties: { city: { type: 'string' } } },
  },
}

async function all(stream) {
  const parts = []
  for await (const part of stream) parts.push(part)
  return parts
}

function assertMetrics(last) {
  assert.equal(last.done, true)
  assert.ok(last.created_at)
  for (const name of ['total_duration', 'load_duration', 'prompt_eval_count', 'prompt_eval_duration', 'eval_count', 'eval_duration']) {
    assert.ok(last[name] > 0, name)
  }
}

test('version', async () => {
  const { version } = await client.version()
  assert.match(version, /^\d+\.\d+\.\d+$/)
})

test('list', async () => {
  const { models } = await client.list()
  const found = models.find((each) => each.name === `${model}:latest`)
  assert.equal(found.details.family, 'llama')
  assert.match(found.digest, /^[0-9a-f]{64}$/)
  assert.ok(!Number.isNaN(new Date(found.modified_at).getTime()))
})

test('show', async () => {
  const shown = await client.show({ model })
  assert.ok(shown.capabilities.includes('tools'))
  assert.equal(shown.model_info['llama.context_length'], 4096)
  assert.equal(shown.details.format, 'safetensors')
})

test('ps', async () => {
  const { models } = await client.ps()
  const found = models.find((each) => each.name === `${model}:latest`)
  assert.ok(new Date(found.expires_at).getTime() > Date.now())
})

test('chat', async () => {
  const told = await client.chat({ model, messages: sky, options: { temperature: 0, num_ctx: 2048 } })
  assert.deepEqual(told.message, { role: 'assistant', content: SKY })
  assert.equal(told.model, model)
  assert.equal(told.done_reason, 'stop')
  assertMetrics(told)
})

test('chat in a stream', async () => {
  const parts = await all(await client.chat({ model, messages: sky, stream: true }))
  assert.equal(parts.map((part) => part.message.content).join(''), SKY)
  assert.ok(parts.length > 10)
  assert.ok(parts.slice(0, -1).every((part) => part.done === false))
  assertMetrics(parts.at(-1))
})

test('abort one stream', async () => {
  const stream = await client.chat({ model, messages: ask('Talk without end: one.'), stream: true })
  const parts = []
  await assert.rejects(
    async () => {
      for await (const part of stream) {
        parts.push(part)
        stream.abort()
      }
    },
    { name: 'AbortError' },
  )
  assert.ok(parts.length > 0)
})

test('abort all streams', async () => {
  const other = new Ollama({ host })
  const streams = await Promise.all(
    ['two', 'three'].map((word) =>
      other.generate({ model, prompt: `Talk without end: ${word}.`, stream: true }),
    ),
  )
  const ends = streams.map((stream) => assert.rejects(all(stream), { name: 'AbortError' }))
  other.abort()
  await Promise.all(ends)
})

test('generate', async () => {
  const told = await client.generate({ model, prompt: 'Why is the sky blue?', system: 'Be brief.' })
  assert.equal(told.response, SKY)
  assertMetrics(told)
})

test('generate in a stream', async () => {
  const parts = await all(await client.generate({ model, prompt: 'Why is the sky blue?', stream: true }))
  assert.equal(parts.map((part) => part.response).join(''), SKY)
  assertMetrics(parts.at(-1))
})

test('generate between a beginning and an end', async () => {
  const told = await client.generate({ model: 'codellama:7b-code', prompt: 'def f(s):\n    """ ', suffix: '\n    return s\n' })
  assert.match(told.response, /^Keep only the characters/)
})

test('generate on from a context', async () => {
  const first = await client.generate({ model, prompt: 'Why is the sky blue?' })
  assert.ok(first.context.length > 0)
  const second = await client.generate({ model, prompt: 'Why is that?', context: first.context })
  assert.ok(second.response.length > 0)
  assert.ok(second.context.length > first.context.length)
})

test('generate raw', async () => {
  const told = await client.generate({ model, prompt: 'The sky', raw: true, options: { num_predict: 4 } })
  assert.equal(told.response, 'The sky is blue')
  assert.equal(told.done_reason, 'length')
  assert.equal(told.eval_count, 4)
})

test('stop', async () => {
  const told = await client.chat({ model, messages: sky, options: { stop: ['because'] } })
  assert.equal(told.message.content.trim(), 'The sky is blue')
})

test('logprobs', async () => {
  const told = await client.chat({ model, messages: ask('hi'), logprobs: true, top_logprobs: 2 })
  assert.equal(told.logprobs.map((each) => each.token).join(''), told.message.content)
  assert.ok(told.logprobs.every((each) => each.logprob < 0 && each.top_logprobs.length === 2))
})

test('load and unload', async () => {
  assert.equal((await client.chat({ model, messages: [], keep_alive: '10m' })).done_reason, 'load')
  assert.equal((await client.generate({ model, prompt: '', keep_alive: 0 })).done_reason, 'unload')
})

test('tools and their results', async () => {
  const messages = ask('What is the weather in Paris? What is the weather in Rome?')
  const told = await client.chat({ model, messages, tools: [weather] })
  const calls = told.message.tool_calls
  assert.deepEqual(calls.map((call) => call.function.arguments), [{ city: 'Paris' }, { city: 'Rome' }])
  messages.push(told.message)
  for (const call of calls) {
    messages.push({ role: 'tool', content: `sunny in ${call.function.arguments.city}`, tool_name: call.function.name })
  }
  const last = await client.chat({ model, messages, tools: [weather] })
  assert.equal(last.message.content, 'The tools say: sunny in Paris; sunny in Rome.')
})

test('tools in a stream', async () => {
  const messages = ask('What is the weather in Paris?')
  const parts = await all(await client.chat({ model, messages, tools: [weather], stream: true }))
  const calls = parts.flatMap((part) => part.message.tool_calls ?? [])
  assert.deepEqual(calls.map((call) => call.function.arguments), [{ city: 'Paris' }])
  assert.equal(calls[0].function.name, 'get_weather')
})

test('JSON', async () => {
  const told = await client.chat({ model, messages: ask("Answer with the key 'color'."), format: 'json' })
  assert.deepEqual(JSON.parse(told.message.content), { color: 'a color' })
})

test('JSON by a schema', async () => {
  const format = {
    type: 'object',
    required: ['name', 'age'],
    properties: { name: { type: 'string' }, age: { type: 'integer', minimum: 18 } },
  }
  const parts = await all(await client.chat({ model, messages: ask('A friend.'), format, stream: true }))
  const told = JSON.parse(parts.map((part) => part.message.content).join(''))
  assert.deepEqual(told, { name: 'a name', age: 18 })
})

test('thinking', async () => {
  const parts = await all(await client.chat({ model: thinker, messages: sky, think: true, stream: true }))
  const thought = parts.map((part) => part.message.thinking ?? '').join('')
  assert.match(thought, /^The user says: Why is the sky blue\?/)
  assert.equal(parts.map((part) => part.message.content).join(''), SKY)
})

test('thinking by levels, and none', async () => {
  const level = await client.chat({ model: thinker, messages: sky, think: 'high' })
  assert.match(level.message.thinking, /My effort is high/)
  const none = await client.generate({ model: thinker, prompt: 'Why is the sky blue?', think: false })
  assert.equal(none.thinking, undefined)
})

test('pictures', async () => {
  const bytes = await readFile(process.env.PICTURE)
  const content = 'What is this?'
  for (const images of [[process.env.PICTURE], [bytes], [bytes.toString('base64')]]) {
    const told = await client.chat({ model, messages: [{ role: 'user', content, images }] })
    assert.equal(told.message.content, 'I see 1 picture(s): image/png.')
  }
})

test('embed', async () => {
  const told = await client.embed({ model: embedder, input: ['one', 'two'] })
  assert.equal(told.embeddings.length, 2)
  for (const vector of told.embeddings) {
    assert.ok(Math.abs(Math.hypot(...vector) - 1) < 1e-5)
  }
  // Two words, and the two marks that stand around each text.
  assert.equal(told.prompt_eval_count, 6)
  const cut = await client.embed({ model: embedder, input: 'one', dimensions: 4 })
  assert.equal(cut.embeddings[0].length, 4)
})

test('embeddings', async () => {
  const { embedding } = await client.embeddings({ model: embedder, prompt: 'one' })
  assert.ok(embedding.length > 1)
})

test('systemone', async () => {
  const told = await client.systemone({
    model: 'nimble',
    state: 'I was charged twice.',
    questions: { team: { type: 'choice', instructions: 'Which team?', criteria: { billing: null, other: null } } },
  })
  assert.equal(told.answers.team.choice, 'billing')
})

test('pull', async () => {
  const parts = await all(await client.pull({ model, stream: true }))
  assert.equal(parts[0].status, 'pulling manifest')
  assert.equal(parts.at(-1).status, 'success')
})

test('create, copy and delete', async () => {
  const made = await client.create({ model: 'js-mario', from: model, system: 'You are Mario.', stream: false })
  assert.equal(made.status, 'success')
  assert.equal((await client.show({ model: 'js-mario' })).system, 'You are Mario.')
  assert.equal((await client.chat({ model: 'js-mario', messages: sky })).message.content, SKY)
  assert.equal((await client.copy({ source: 'js-mario', destination: 'js-luigi' })).status, 'success')
  for (const name of ['js-mario', 'js-luigi']) {
    assert.equal((await client.delete({ model: name })).status, 'success')
    await assert.rejects(client.show({ model: name }), { name: 'ResponseError', status_code: 404 })
  }
})

test('create in a stream', async () => {
  const parts = await all(
    await client.create({ model: 'js-peach', from: model, parameters: { num_predict: 3 }, stream: true }),
  )
  assert.equal(parts.at(-1).status, 'success')
  const told = await client.chat({ model: 'js-peach', messages: sky })
  assert.equal(told.message.content, 'The sky is')
  await client.delete({ model: 'js-peach' })
})

test('errors', async () => {
  const unknown = { name: 'ResponseError', status_code: 404, message: "model 'nobody' not found" }
  await assert.rejects(client.chat({ model: 'nobody', messages: sky }), unknown)
  await assert.rejects(client.chat({ model: 'nobody', messages: sky, stream: true }), unknown)
  await assert.rejects(client.generate({ model, prompt: 'hi', think: true }), {
    status_code: 400,
    message: `"${model}" does not support thinking`,
  })
  await assert.rejects(client.copy({ source: 'nobody', destination: 'x' }), { status_code: 404 })
})
