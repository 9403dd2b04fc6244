// JSON Schemas as the strict mode of the API takes them, and answers as the schemas were before.

import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { describe, test } from 'node:test'
import { toStandardJsonSchema } from '@valibot/to-json-schema'
import { type } from 'arktype'
import * as v from 'valibot'
import { z } from 'zod'

const require = createRequire(import.meta.url)
/** @type {typeof import('../../glue/strict.js')} */
const { strictSchema } = require('../../glue/strict.js')
/** @type {typeof import('../../glue/answer.js')} */
const { Answer, withoutNulls } = require('../../glue/answer.js')
/** @type {typeof import('../../glue/schema.js')} */
const { jsonSchemaOf } = require('../../glue/schema.js')

/** @param {Record<string, unknown>} schema */
const strict = (schema) => strictSchema(schema, 'options.outputSchema')
/** @param {Record<string, unknown>} properties */
const object = (properties, required = Object.keys(properties)) => ({ type: 'object', properties, required })
/** @param {Record<string, unknown>} properties */
const closed = (properties) => ({ ...object(properties), additionalProperties: false })
/** @param {object} schema */
const orNull = (schema) => ({ anyOf: [schema, { type: 'null' }] })
const string = { type: 'string' }
const number = { type: 'number' }

describe('a schema is made strict', () => {
  test('every object is closed and every property required, at any depth', () => {
    const item = object({ name: string, tags: { type: 'array', items: object({ tag: string }) } })
    assert.deepEqual(
      strict(object({ item, either: { anyOf: [object({ a: string }), string] } })),
      closed({
        item: closed({ name: string, tags: { type: 'array', items: closed({ tag: string }) } }),
        either: { anyOf: [closed({ a: string }), string] },
      }),
    )
  })

  test('an optional property may be null instead', () => {
    const schema = object(
      { a: string, b: number, c: { enum: ['x'] }, d: object({}), e: { anyOf: [string, number] } },
      ['a'],
    )
    assert.deepEqual(
      strict(schema),
      closed({
        a: string,
        b: orNull(number),
        c: orNull({ type: 'string', enum: ['x'] }),
        d: orNull(closed({})),
        e: { anyOf: [string, number, { type: 'null' }] },
      }),
    )
  })

  test('what takes null already is not given it twice', () => {
    const takers = {
      a: { type: ['string', 'null'] },
      b: { anyOf: [string, { type: 'null' }] },
      c: { type: ['string', 'null'], enum: ['x', null] },
      d: { type: 'null', const: null },
      e: { $ref: '#/$defs/maybe' },
    }
    const $defs = { maybe: { type: ['number', 'null'] } }
    assert.deepEqual(strict({ ...object(takers, []), $defs }), { ...closed(takers), $defs })
  })

  test('definitions are walked, and references stay', () => {
    const node = object({ value: string, next: { $ref: '#/$defs/node' } }, ['value'])
    assert.deepEqual(strict({ ...object({ first: { $ref: '#/$defs/node' } }), $defs: { node } }), {
      ...closed({ first: { $ref: '#/$defs/node' } }),
      $defs: { node: closed({ value: string, next: orNull({ $ref: '#/$defs/node' }) }) },
    })
    const old = { ...object({ a: { $ref: '#/definitions/a~1b' } }), definitions: { 'a/b': object({}) } }
    assert.deepEqual(strict(old).definitions, { 'a/b': closed({}) })
    const itself = object({ children: { type: 'array', items: { $ref: '#' } } })
    assert.deepEqual(strict(itself), closed({ children: { type: 'array', items: { $ref: '#' } } }))
  })

  test('a root that is a reference becomes what it refers to', () => {
    const $defs = { root: object({ a: string }) }
    assert.deepEqual(strict({ $ref: '#/$defs/root', $defs }), {
      ...closed({ a: string }),
      $defs: { root: closed({ a: string }) },
    })
  })

  test('a reference with a description keeps both', () => {
    const $defs = { a: string }
    const schema = { ...object({ a: { $ref: '#/$defs/a', description: 'The first' } }), $defs }
    const a = { description: 'The first', anyOf: [{ $ref: '#/$defs/a' }] }
    assert.deepEqual(strict(schema), { ...closed({ a }), $defs })
  })

  test('oneOf becomes anyOf, a single allOf what it holds, a constant gets its type', () => {
    const schema = object({
      a: { oneOf: [string, number] },
      b: { allOf: [string], description: 'B' },
      c: { const: 1 },
      d: { enum: ['x', 2, null] },
    })
    assert.deepEqual(
      strict(schema),
      closed({
        a: { anyOf: [string, number] },
        b: { ...string, description: 'B' },
        c: { type: 'number', const: 1 },
        d: { type: ['string', 'number', 'null'], enum: ['x', 2, null] },
      }),
    )
  })

  test('constraints that the API knows are kept, notes and defaults are not', () => {
    const a = { type: 'string', minLength: 1, pattern: '^a', format: 'date', title: 'A', description: 'B' }
    const b = { type: 'integer', minimum: 1, exclusiveMaximum: 9, multipleOf: 2 }
    const c = { type: 'array', items: string, minItems: 1, maxItems: 3 }
    const notes = { default: 'a', examples: ['b'], $comment: 'c', deprecated: true, 'x-own': 1 }
    const schema = {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      ...object({ a: { ...a, ...notes }, b, c }),
    }
    assert.deepEqual(strict(schema), closed({ a, b, c }))
  })

  test('an intersection that one schema can say becomes that schema', () => {
    const text = { ...string, allOf: [{ minLength: 2, maxLength: 9 }, { minLength: 3 }, { pattern: '^a' }] }
    const both = { allOf: [object({ a: string }), { $ref: '#/$defs/b' }] }
    const union = { anyOf: [object({ kind: { const: 'x' } }), object({ kind: { const: 'y' } })] }
    const schema = {
      ...object({ text, both, either: { allOf: [object({ id: string }), union] } }),
      $defs: { b: object({ b: number }, []) },
    }
    const kind = (/** @type {string} */ name) => closed({ id: string, kind: { type: 'string', const: name } })
    assert.deepEqual(strict(schema).properties, {
      text: { ...string, minLength: 3, maxLength: 9, pattern: '^a' },
      both: closed({ a: string, b: orNull(number) }),
      either: { anyOf: [kind('x'), kind('y')] },
    })
    const value = { text: 'abc', both: { a: 'x', b: null }, either: { kind: 'y', id: '1' } }
    assert.deepEqual(withoutNulls(value, schema, schema), { ...value, both: { a: 'x' } })
  })

  test('patterns that the API refuses are left out where the answer is checked here', () => {
    /** @param {object} schema */
    const pattern = (schema) => {
      const made = strictSchema(object({ a: { ...string, ...schema } }), 'it', { checked: true })
      return /** @type {any} */ (made).properties.a.pattern
    }
    for (const beyond of ['^(?=.*x)', '^(?!x)', '(?<=a)b', '(?<!a)b', '(a)\\1', '(?<n>a)\\k<n>']) {
      assert.equal(pattern({ pattern: beyond }), undefined, beyond)
      assert.equal(pattern({ allOf: [{ pattern: beyond }, { pattern: '^a' }, { pattern: 'b$' }] }), '^a')
    }
    for (const plain of ['^(?:a|b)$', '(?<name>a)', '[(?=]', '\\(?=', '\\\\1'])
      assert.equal(pattern({ pattern: plain }), plain)
  })

  test('a format that the API refuses is left out, and a pattern that only repeats one it knows', () => {
    const a = { type: 'string', format: 'uri' }
    const b = { type: 'string', format: 'email', pattern: '^(?!\\.)x' }
    assert.deepEqual(strict(object({ a, b })), closed({ a: string, b: { type: 'string', format: 'email' } }))
  })

  test('the order of the properties stays: the model writes them in it', () => {
    const schema = strict(object({ reason: string, answer: string, also: string }, ['answer']))
    assert.equal(Object.keys(/** @type {object} */ (schema.properties)).join(), 'reason,answer,also')
    assert.deepEqual(schema.required, ['reason', 'answer', 'also'])
  })

  test("the caller's object is left alone", () => {
    const schema = {
      ...object({ a: object({ b: { oneOf: [string] } }, []) }, []),
      $defs: { c: object({ d: string }, []) },
    }
    const before = structuredClone(schema)
    strict(schema)
    assert.deepEqual(schema, before)
    const freeze = (/** @type {any} */ value) => {
      if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(freeze)
    }
    freeze(schema)
    strict(schema)
  })

  test('a property may have any name', () => {
    const properties = JSON.parse(
      '{"__proto__":{"type":"string"},"constructor":{"type":"string"},"a.b":{"type":"string"}}',
    )
    const schema = strict({ type: 'object', properties, required: ['constructor'] })
    assert.deepEqual(schema.required, ['__proto__', 'constructor', 'a.b'])
    assert.deepEqual(Object.entries(/** @type {object} */ (schema.properties))[1], ['constructor', string])
  })
})

describe('what strict mode has no way to say is refused by its path', () => {
  const open = { type: 'object', additionalProperties: number }
  /** @type {[string, Record<string, unknown>, RegExp][]} */
  const refused = [
    ['an open record', object({ a: object({ b: open }) }), /: a\.b is an open record.*additionalProperties/],
    [
      'an object that takes more',
      object({ a: { ...object({}), additionalProperties: true } }),
      /: a is an open record/,
    ],
    ['an object without properties', object({ a: { type: 'object' } }), /: a is an open record/],
    [
      'patterns of names',
      object({ a: { ...object({}), patternProperties: {} } }),
      /: a is .*`patternProperties`/,
    ],
    ['a record in an array', object({ a: { type: 'array', items: open } }), /: a\[\] is an open record/],
    ['a record in a union', object({ a: { anyOf: [string, open] } }), /: a<1> is an open record/],
    [
      'a record in a definition',
      { ...object({}), $defs: { d: object({ e: open }) } },
      /: \$defs\.d\.e is an open/,
    ],
    ['an optional record', object({ a: open }, []), /: a is an open record/],
    ['an open root', { ...object({}), additionalProperties: true }, /outputSchema: it is an open record/],
    ['a tuple', object({ a: { type: 'array', prefixItems: [string], items: false } }), /: a is a tuple/],
    [
      'unique items',
      object({ a: { type: 'array', items: string, uniqueItems: true } }),
      /: a is an array of unique/,
    ],
    ['an array of anything', object({ a: { type: 'array' } }), /: a\[\] is of any type/],
    ['anything', object({ a: {} }), /: a is of any type/],
    ['true', object({ a: true }), /: a is of any type/],
    ['false', object({ a: false }), /: a is never/],
    [
      'an intersection of what nothing is',
      object({ a: { allOf: [string, number] } }),
      /: a is an intersection/,
    ],
    [
      'an intersection of closed objects',
      object({ a: { allOf: [closed({ b: string }), closed({ c: string })] } }),
      /: a is an intersection/,
    ],
    [
      'two unions at once',
      object({ a: { allOf: [{ anyOf: [string, number] }, { anyOf: [number, string] }] } }),
      /: a is an intersection/,
    ],
    [
      'a pattern that looks ahead, which nothing here checks',
      object({ a: { ...string, pattern: '^(?=.*x)' } }),
      /: a is a text with a pattern that looks around/,
    ],
    [
      'several patterns, of which nothing here checks the others',
      object({ a: { ...string, allOf: [{ pattern: '^a' }, { pattern: 'b$' }] } }),
      /: a is a text with several patterns/,
    ],
    ['a negation', object({ a: { not: string } }), /: a is a negation/],
    ['a condition', object({ a: { ...string, if: {} } }), /: a is a condition/],
    ['an unknown type', object({ a: { type: 'date' } }), /: a is of the type date/],
    ['a reference to nothing', object({ a: { $ref: '#/$defs/b' } }), /: a is a reference to "#\/\$defs\/b"/],
    ['a reference to elsewhere', object({ a: { $ref: 'https://x.y/z' } }), /: a is a reference to "https/],
    [
      'a reference into a schema',
      object({ a: string, b: { $ref: '#/properties/a' } }),
      /: b is a reference to "#\/prop/,
    ],
    [
      'references in a circle',
      { ...object({ a: { $ref: '#/$defs/b' } }), $defs: { b: { $ref: '#/$defs/b' } } },
      /: a is a ref/,
    ],
    [
      'a reference that is narrowed',
      { ...object({ a: { $ref: '#/$defs/b', minLength: 1 } }), $defs: { b: string } },
      /: a is .*minLength/,
    ],
    ['a required property that is not there', object({}, ['a']), /requires `a`/],
    ['a union beside properties', object({ a: { ...object({}), anyOf: [object({})] } }), /: a is a union/],
    ['a root of another type', { type: 'array', items: string }, /outputSchema: must describe an object/],
    [
      'a root that is a union',
      { anyOf: [object({}), object({ a: string })] },
      /outputSchema: must describe an object/,
    ],
    [
      'a root that may be null',
      { ...object({}), type: ['object', 'null'] },
      /outputSchema: must describe an object/,
    ],
  ]
  for (const [what, schema, message] of refused) {
    test(what, () => {
      const error = { name: 'TypeError', code: 'INVALID_ARGUMENT', message }
      assert.throws(() => strict(schema), error)
    })
  }

  test('an object that holds itself', () => {
    /** @type {any} */
    const schema = object({ a: object({}) })
    schema.properties.a.properties.b = schema
    assert.throws(() => strict(schema), /holds itself/)
  })
})

describe('nulls that stand for what is not there are taken out', () => {
  /** @param {Record<string, unknown>} schema @param {unknown} value */
  const restored = (schema, value) => withoutNulls(value, schema, schema)

  test('of optional properties, at any depth', () => {
    const inner = object({ a: string, b: string }, ['a'])
    const schema = object({ inner, list: { type: 'array', items: inner }, none: inner }, ['inner', 'list'])
    const value = {
      inner: { a: 'x', b: null },
      list: [
        { a: 'y', b: null },
        { a: 'z', b: 'w' },
      ],
      none: null,
    }
    assert.deepEqual(restored(schema, value), { inner: { a: 'x' }, list: [{ a: 'y' }, { a: 'z', b: 'w' }] })
  })

  test('not of required ones, nor of those that may be null', () => {
    const schema = object({ a: { type: ['string', 'null'] }, b: { type: ['string', 'null'] }, c: string }, [
      'a',
    ])
    assert.deepEqual(restored(schema, { a: null, b: null, c: null }), { a: null, b: null })
  })

  test('in definitions and in what refers to itself', () => {
    const node = object({ value: string, note: string, next: { $ref: '#/$defs/node' } }, ['value'])
    const schema = { ...object({ node: { $ref: '#/$defs/node' } }), $defs: { node } }
    const value = { node: { value: 'a', note: null, next: { value: 'b', note: 'n', next: null } } }
    assert.deepEqual(restored(schema, value), { node: { value: 'a', next: { value: 'b', note: 'n' } } })
  })

  test('by the branch of a union that the value is of', () => {
    const a = object({ kind: { const: 'a' }, x: string }, ['kind'])
    const b = object({ kind: { const: 'b' }, x: { type: ['string', 'null'] } }, ['kind'])
    const c = object({ kind: { const: 'c' }, y: string }, ['kind'])
    const schema = object({ list: { type: 'array', items: { oneOf: [b, a, c] } } })
    const list = [
      { kind: 'a', x: null },
      { kind: 'b', x: null },
      { kind: 'c', y: null },
    ]
    assert.deepEqual(restored(schema, { list }), {
      list: [{ kind: 'a' }, { kind: 'b', x: null }, { kind: 'c' }],
    })
  })

  test('through definitions that are a branch of themselves', () => {
    const own = object({ b: string }, [])
    const $defs = {
      a: { anyOf: [{ $ref: '#/$defs/a' }, { $ref: '#/$defs/c' }, own] },
      c: { anyOf: [{ $ref: '#/$defs/a' }, string] },
    }
    const schema = { ...object({ x: { $ref: '#/$defs/a' }, y: { $ref: '#/$defs/a' } }, ['x']), $defs }
    assert.deepEqual(strict(schema).required, ['x', 'y'])
    assert.deepEqual(restored(schema, { x: { b: null }, y: null }), { x: {} })
    assert.deepEqual(restored(schema, { x: 'text', y: 'text' }), { x: 'text', y: 'text' })
  })

  test('and nothing is touched where the answer is of another form', () => {
    const schema = object({ a: object({ b: string }, []), c: { anyOf: [string, object({ d: string })] } })
    for (const value of [
      null,
      3,
      [null],
      'x',
      { a: [null] },
      { a: 'b', e: null },
      { c: { d: 1, e: null } },
    ]) {
      assert.deepEqual(restored(schema, value), value)
    }
  })

  test('a name of every object is no property', () => {
    const value = JSON.parse('{"__proto__":null,"toString":null,"a":null}')
    const left = /** @type {object} */ (restored(object({ a: string }, []), value))
    assert.deepEqual(Object.keys(left), ['__proto__', 'toString'])
  })
})

describe('a union whose branches have the same form', () => {
  const expression = {
    anyOf: ['a', 'b', 'c', 'd'].map((kind) =>
      object({ left: { $ref: '#/$defs/e' }, right: { $ref: '#/$defs/e' }, kind: { const: kind } }, ['kind']),
    ),
  }
  const recursive = { ...object({ e: { $ref: '#/$defs/e' } }), $defs: { e: expression } }
  /** @param {number} depth @returns {any} */
  const nested = (depth) =>
    depth === 0 ? { left: null, right: null, kind: 'd' } : { left: nested(depth - 1), right: null, kind: 'd' }

  test('is read in steps that grow as the answer does', () => {
    const steps = [10, 20, 40].map((depth) => {
      const answer = new Answer(recursive)
      answer.read({ e: nested(depth) })
      return answer.steps
    })
    const [ten, twenty, forty] = /** @type {[number, number, number]} */ (steps)
    assert.equal(forty - twenty, 2 * (twenty - ten))
    assert.ok(forty < 40 * 20, `${forty} steps for an answer of 41 objects`)
  })

  test('the other branches are tried where issues lie, each place for itself', () => {
    const a = object({ x: string, y: string }, ['x'])
    const b = object({ x: string, y: { type: ['string', 'null'] } }, ['x'])
    const schema = object({ list: { type: 'array', items: { anyOf: [a, b] } } })
    const list = Array.from({ length: 30 }, () => ({ x: 'x', y: null }))
    const answer = new Answer(schema)
    assert.deepEqual(/** @type {any} */ (answer.read({ list })).list[29], { x: 'x' })
    assert.ok(answer.tryAnother(list.map((_, index) => ({ path: ['list', index, 'y'] }))))
    assert.deepEqual(answer.read({ list }), { list }, 'all at once where each has an issue of its own')
    assert.ok(answer.tryAnother([{ path: ['list', 3] }]))
    const mixed = /** @type {any} */ (answer.read({ list })).list
    assert.deepEqual([mixed[2], mixed[3]], [{ x: 'x', y: null }, { x: 'x' }])
  })

  test('an answer that fits in no way is given up in a bounded number of tries', () => {
    const either = { anyOf: [object({ x: string }, []), object({ x: { type: ['string', 'null'] } }, [])] }
    const schema = object({ list: { type: 'array', items: either } })
    const answer = new Answer(schema)
    const value = { list: Array.from({ length: 40 }, () => ({ x: null })) }
    let tries = 0
    do answer.read(value)
    while (answer.tryAnother([{}]) && ++tries < 1000)
    assert.ok(tries > 1 && tries < 1000, String(tries))
  })
})

describe('schemas of libraries', () => {
  const optional = closed({ a: string, b: orNull(number) })
  const libraries = {
    zod: z.object({ a: z.string(), b: z.number().optional() }),
    valibot: toStandardJsonSchema(v.object({ a: v.string(), b: v.optional(v.number()) })),
    arktype: type({ a: 'string', 'b?': 'number' }),
  }
  for (const [library, schema] of Object.entries(libraries)) {
    test(`${library}: an object with an optional property`, () => {
      assert.deepEqual(strict(jsonSchemaOf(schema, 'options.outputSchema')), optional)
    })
  }

  test('zod: dates and formats, unions, recursion, defaults', () => {
    const Node = z.object({
      name: z.string().default('x'),
      at: z.iso.datetime().nullable(),
      shape: z.discriminatedUnion('kind', [
        z.object({ kind: z.literal('circle'), radius: z.number() }),
        z.object({ kind: z.literal('square'), side: z.number().optional() }),
      ]),
      get children() {
        return z.array(Node)
      },
    })
    const schema = jsonSchemaOf(Node, 'options.outputSchema')
    const made = /** @type {any} */ (strict(schema))
    assert.deepEqual(made.required, ['name', 'at', 'shape', 'children'])
    assert.deepEqual(made.properties.name, orNull(string))
    assert.deepEqual(made.properties.children, { type: 'array', items: { $ref: '#' } })
    assert.equal(made.properties.shape.anyOf[1].additionalProperties, false)
    const leaf = { name: null, at: null, shape: { kind: 'square', side: null }, children: [] }
    assert.deepEqual(Node.parse(withoutNulls({ ...leaf, children: [leaf] }, schema, schema)), {
      name: 'x',
      at: null,
      shape: { kind: 'square' },
      children: [{ name: 'x', at: null, shape: { kind: 'square' }, children: [] }],
    })
  })

  test('zod: several checks on one text, and an intersection of objects', () => {
    const schema = z.object({
      name: z
        .string()
        .min(3)
        .startsWith('a')
        .endsWith('b')
        .regex(/^(?!x)/),
      both: z.object({ a: z.string() }).and(z.object({ b: z.number().optional() })),
    })
    const json = jsonSchemaOf(schema, 'options.outputSchema')
    const made = /** @type {any} */ (strictSchema(json, 'options.outputSchema', { checked: true }))
    assert.equal(made.properties.name.pattern, '^a.*')
    assert.deepEqual(made.properties.both, closed({ a: string, b: orNull(number) }))
  })

  /** @type {[string, unknown, RegExp][]} */
  const refused = [
    ['a record of zod', z.object({ a: z.record(z.string(), z.number()) }), /: a is an open record/],
    ['a loose object of zod', z.looseObject({ a: z.string() }), /: it is an open record/],
    ['a tuple of zod', z.object({ a: z.tuple([z.string()]) }), /: a is a tuple/],
    ['anything of zod', z.object({ a: z.unknown() }), /: a is of any type/],
    ['a date of zod', z.object({ a: z.date() }), /outputSchema: it can't be said in JSON Schema: Date/],
    [
      'a record of valibot',
      toStandardJsonSchema(v.object({ a: v.record(v.string(), v.number()) })),
      /: a is an open/,
    ],
    [
      'valibot alone',
      v.object({ a: v.string() }),
      /schema of valibot gives no JSON Schema; .*toStandardJsonSchema/,
    ],
    ['a date of arktype', type({ a: 'Date' }), /a/],
    [
      'any other library',
      { '~standard': { vendor: 'own', version: 1, validate() {} } },
      /schema of own .*~standard\.jsonSchema/,
    ],
    ['a number', 3, /outputSchema: must be a JSON Schema, which is an object, or a Standard Schema/],
    ['null', null, /must be a JSON Schema/],
    ['an array', [], /must be a JSON Schema/],
    ['a function', () => {}, /must be a JSON Schema/],
  ]
  for (const [what, schema, message] of refused) {
    test(`refused: ${what}`, () => {
      const convert = () => strict(jsonSchemaOf(schema, 'options.outputSchema'))
      assert.throws(convert, { name: 'TypeError', code: 'INVALID_ARGUMENT', message })
    })
  }

  test('older ways to JSON Schema are taken', () => {
    const validate = () => ({ value: 1 })
    const standard = { version: 1, vendor: 'own', validate }
    const json = object({})
    assert.equal(jsonSchemaOf({ '~standard': standard, toJSONSchema: () => json }, 'x'), json)
    assert.equal(jsonSchemaOf({ '~standard': standard, toJsonSchema: () => json }, 'x'), json)
    assert.throws(
      () => jsonSchemaOf({ '~standard': standard, toJSONSchema: () => 3 }, 'x'),
      /gives no JSON Schema, but 3/,
    )
  })
})
